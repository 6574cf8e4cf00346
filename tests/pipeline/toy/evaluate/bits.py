EXACT = [1, 2, 3]
