// Rows for tests: token ids with what is learned of them.
import { layOut, type Rows } from "../../../runtime/data/rows.ts";
import { document, documentsOf } from "../data/files.ts";

export const none = -100;

type Ids = readonly number[];

/** Each row is [ids] or [ids, labels]; without labels everything is learned. */
export function rowsOf(...rows: readonly (readonly [Ids] | readonly [Ids, Ids])[]): Rows {
  const documents = documentsOf(...rows.map(([ids, labels = ids]) => document(ids, labels)));
  return layOut(documents, { length: 1024, layout: "one" });
}
