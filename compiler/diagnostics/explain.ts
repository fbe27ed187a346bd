// Every diagnostic code with its long explanation, for `ftlc explain CODE`. A code is declared once, in the file of its
// family: FTL01 syntax, FTL02 names and clauses, FTL03 settings and config.json, FTL05 plans, FTL07 what definitions do
// with a config, FTL09 not built yet. A test holds the codes that sources report against these.
import { elaboration } from "./explain/elaboration.ts";
import { model } from "./explain/model.ts";
import { names } from "./explain/names.ts";
import { plan } from "./explain/plan.ts";
import { planned } from "./explain/planned.ts";
import { syntax } from "./explain/syntax.ts";

/** The families, in the order of their codes. */
export const families: readonly Readonly<Record<string, string>>[] = [
  syntax,
  names,
  model,
  plan,
  elaboration,
  planned,
];

/** The explanation of a code such as "FTL0203", or `undefined` where there is no such code. */
export function explain(code: string): string | undefined {
  return families.find((family) => Object.hasOwn(family, code))?.[code];
}

/** All codes in order. */
export function codes(): readonly string[] {
  return families.flatMap((family) => Object.keys(family)).toSorted();
}
