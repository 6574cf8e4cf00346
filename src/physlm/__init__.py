"""Physics of Language Models, rebuilt as one DAG."""
