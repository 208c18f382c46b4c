"""What the mind remembers: the memory stream, its archive, retrieval, reflection and condensing."""
