import Foundation
import Testing

@Suite struct LinkTests {
  @Test func relativeLinksResolve() throws {
    var count = 0
    for page in try Repository.pages() {
      for link in page.links where !link.contains("://") {
        count += 1
        let parts = link.split(separator: "#", omittingEmptySubsequences: false).map(String.init)
        let folder = page.url.deletingLastPathComponent()
        let target = parts[0].isEmpty ? page.url : folder.appending(path: parts[0]).standardized
        #expect(
          FileManager.default.fileExists(atPath: target.path), "\(page): \(link) leads nowhere")
        #expect(
          target.path.hasPrefix(Repository.root.path), "\(page): \(link) leaves the repository")
        guard parts.count > 1, target.pathExtension == "md" else { continue }
        let anchors = try Page(target).anchors
        #expect(anchors.contains(parts[1]), "\(page): there is no heading for \(link)")
      }
    }
    #expect(count > 50, "the pages were not found")
  }

  /// A page that nothing leads to is not read.
  @Test func everyPageIsLinkedFromAnother() throws {
    let pages = try Repository.pages()
    let linked = Set(
      pages.flatMap { page in
        page.links.filter { !$0.contains("://") }.map { link in
          page.url.deletingLastPathComponent()
            .appending(path: link.prefix { $0 != "#" }.description).standardized.path
        }
      })
    for page in pages where page.description != "README.md" {
      let isLinked = linked.contains(page.url.path)
      #expect(isLinked, "no page links to \(page)")
    }
  }
}
