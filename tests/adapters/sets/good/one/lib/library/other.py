HERE = "lib"
