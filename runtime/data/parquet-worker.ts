// The thread in which a Parquet file is read: its decoder believes what a file says of its own lists, and a wrong one can keep it busy
// for ever. In: the path and the columns, once; then a call for more. Out: some rows, or what is wrong.
import { parentPort, workerData } from "node:worker_threads";
import { DataError, type DataProblem } from "./error.ts";
import { readParquetFile, type NumberedRow } from "./parquet-file.ts";

export type Rows =
  | { readonly kind: "rows"; readonly rows: readonly NumberedRow[]; readonly done: boolean }
  | { readonly kind: "wrong"; readonly problems: readonly DataProblem[] };

const atOnce = 1000;
const { path, columns } = workerData as { readonly path: string; readonly columns: readonly string[] };
const all = readParquetFile(path, columns);

async function more(): Promise<Rows> {
  const rows: NumberedRow[] = [];
  try {
    while (rows.length < atOnce) {
      const { value, done } = await all.next();
      if (done === true) return { kind: "rows", rows, done };
      rows.push(value);
    }
    return { kind: "rows", rows, done: false };
  } catch (cause) {
    if (cause instanceof DataError) return { kind: "wrong", problems: cause.problems };
    throw cause;
  }
}

parentPort?.on("message", () => {
  void more().then((rows) => parentPort?.postMessage(rows, []));
});
