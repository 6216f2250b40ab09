ORIGIN = "one"
