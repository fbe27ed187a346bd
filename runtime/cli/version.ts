// The version in package.json, found beside the sources as well as beside the build.
import { readFileSync } from "node:fs";

export function version(): string {
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      const read: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8"));
      if (typeof read === "object" && read !== null && "version" in read) return String(read.version);
    } catch {
      // Not here.
    }
  }
  return "unknown";
}
