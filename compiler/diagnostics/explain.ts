// Every diagnostic code with its long explanation, for `ftlc explain CODE`. Each family of codes has a file; a code is
// declared once, beside its family: FTL01 syntax, FTL02 names and clauses, FTL03 settings and config, FTL09 not built yet.
import { model } from "./explain/model.ts";
import { names } from "./explain/names.ts";
import { planned } from "./explain/planned.ts";
import { syntax } from "./explain/syntax.ts";

/** The families, in the order of their codes. */
export const families: readonly Readonly<Record<string, string>>[] = [syntax, names, model, planned];

/** The explanation of a code such as "FTL0203", or `undefined` where there is no such code. */
export function explain(code: string): string | undefined {
  return families.find((family) => Object.hasOwn(family, code))?.[code];
}

/** All codes in order. */
export function codes(): readonly string[] {
  return families.flatMap((family) => Object.keys(family)).toSorted();
}
