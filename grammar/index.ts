// What the rest of the compiler, the command line and tools see of the grammar.
export { formatFtl, type Formatted } from "./format/format.ts";
export { parse, type Parsed } from "./parse.ts";
export { closest } from "./suggest.ts";
export { problem, type Diagnostic, type Edit, type Related, type Severity } from "./diagnostic.ts";
export { cover, positionAt, textOf, type Position, type Source, type Span } from "./source.ts";
export type * as syntax from "./syntax.ts";
