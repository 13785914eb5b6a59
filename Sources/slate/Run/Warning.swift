import Foundation

/// Says on standard error what the user should know of although the program goes on.
func warn(_ message: String) {
  FileHandle.standardError.write(Data("warning: \(message)\n".utf8))
}
