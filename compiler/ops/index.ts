// All operations by name: every record that a family's file exports. A new record needs no line here, a new family one.
import * as arithmetic from "./arithmetic.ts";
import * as bits from "./bits.ts";
import * as convert from "./convert.ts";
import * as functions from "./functions.ts";
import * as indexing from "./indexing.ts";
import * as logic from "./logic.ts";
import * as matmul from "./matmul.ts";
import type { Operation } from "./operation.ts";
import * as parts from "./parts.ts";
import * as random from "./random.ts";
import * as reductions from "./reductions.ts";
import * as regions from "./regions.ts";
import * as sources from "./sources.ts";
import * as until from "./until.ts";
import * as views from "./views.ts";

const families: readonly object[] = [
  arithmetic,
  bits,
  convert,
  functions,
  indexing,
  logic,
  matmul,
  parts,
  random,
  reductions,
  regions,
  sources,
  until,
  views,
];

function isOperation(value: unknown): value is Operation {
  return typeof value === "object" && value !== null && "infer" in value && "lowering" in value;
}

export const operations: ReadonlyMap<string, Operation> = new Map(
  families.flatMap((family) =>
    Object.values(family)
      .filter(isOperation)
      .map((record) => [record.name, record] as const),
  ),
);

/** The record of an operation that a graph already names; a graph that names another was not made by `build.ts`. */
export function operationOf(name: string): Operation {
  const record = operations.get(name);
  if (record === undefined) throw new Error(`no operation is called ${name}`);
  return record;
}
