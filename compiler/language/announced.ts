// Names that recipes may already say and the library does not have yet: they check, and are reported as not built yet.
// When a definition of the name joins the library, delete it here; a test holds the two apart.
import type { DefinitionKind } from "../../grammar/syntax.ts";

const announced: Partial<Readonly<Record<DefinitionKind, readonly string[]>>> = {
  adapter: ["qalora"],
};

/** The announced names of a kind. */
export function announcedNames(kind: DefinitionKind): readonly string[] {
  return announced[kind] ?? [];
}
