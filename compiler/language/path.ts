// Paths of `.ftl` files: plain text with "/" between folders, resolved without a file system.

/** The path of `relative` as seen from the folder of the file `from`, without "." and "a/..". */
export function resolvePath(from: string, relative: string): string {
  if (relative.startsWith("/") || /^[A-Za-z]:/.test(relative)) return normalize(relative);
  const folder = from.slice(0, Math.max(from.lastIndexOf("/"), from.lastIndexOf("\\")) + 1);
  return normalize(folder + relative);
}

function normalize(path: string): string {
  const kept: string[] = [];
  const absolute = path.startsWith("/");
  for (const part of path.replaceAll("\\", "/").split("/")) {
    if (part === "" || part === ".") continue;
    const last = kept.at(-1);
    if (part !== ".." || last === ".." || (last === undefined && !absolute)) kept.push(part);
    else kept.pop();
  }
  return (absolute ? "/" : "") + kept.join("/");
}

/** How a file at `from` writes an import of the file at `to`; both relative to the same folder. */
export function relativePath(from: string, to: string): string {
  const start = from.split("/").slice(0, -1);
  const end = to.split("/");
  let same = 0;
  while (same < start.length && same < end.length - 1 && start[same] === end[same]) same += 1;
  return [...start.slice(same).map(() => ".."), ...end.slice(same)].join("/");
}
