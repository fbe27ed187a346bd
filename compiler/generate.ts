// Build tool, run by `npm run generate`: writes compiler/library.gen.ts, which holds the text of every stdlib/**/*.ftl, so that
// the compiler needs no file system. A test holds the result against the folder.
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const target = join(root, "compiler", "library.gen.ts");

/** The text that compiler/library.gen.ts should have. Paths start with "stdlib/" and are sorted. */
export function libraryModule(): string {
  const paths = globSync("stdlib/**/*.ftl", { cwd: root }).map((path) => path.replaceAll("\\", "/"));
  const lines = [
    "// Made by `npm run generate` from stdlib/**/*.ftl; change those and run it again.",
    "",
    '/** The text of each library file by its path, such as "stdlib/adapters/lora.ftl". */',
    "export const library: ReadonlyMap<string, string> = new Map([",
    ...paths.toSorted().map((path) => {
      const text = readFileSync(join(root, path), "utf8").replaceAll("\r\n", "\n");
      return `  [${JSON.stringify(path)}, ${JSON.stringify(text)}],`;
    }),
    "]);",
    "",
  ];
  return lines.join("\n");
}

if (import.meta.main) {
  writeFileSync(target, libraryModule());
  console.log(`wrote ${target}`);
}
