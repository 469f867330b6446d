/* The formats that networks are exported in: one row each. */
ATH_GRAPH_FORMAT(mindir)
ATH_GRAPH_FORMAT(c99)
ATH_GRAPH_FORMAT(text)
ATH_GRAPH_FORMAT(onnx)
