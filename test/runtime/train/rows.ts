// Rows for tests: token ids with what is learned of them.
import { buildRows, type Rows } from "../../../runtime/data/rows.ts";

export const none = -100;

type Ids = readonly number[];

/** Each row is [ids] or [ids, labels]; without labels everything is learned. */
export function rowsOf(...rows: readonly (readonly [Ids] | readonly [Ids, Ids])[]): Rows {
  const builder = buildRows(1024, "one");
  for (const [ids, labels = ids] of rows)
    builder.add({ ids: Int32Array.from(ids), labels: Int32Array.from(labels) });
  return builder.finish();
}
