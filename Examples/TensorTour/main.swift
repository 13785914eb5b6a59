// Tensors in ten minutes, and operators of one's own: run with `custom`.

if CommandLine.arguments.contains("custom") {
  try customOperators()
} else {
  try tour()
}
