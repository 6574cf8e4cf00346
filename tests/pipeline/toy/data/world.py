WORLDS = {"biod": "physlm.data.biod"}
