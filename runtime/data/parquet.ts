// Goes in: the path of a Parquet file, and the names of the columns that are read. Comes out: its rows one after another, numbered from
// 1. Always: no more than one row group and a thousand rows are held; a file that cannot be read is an error with its name, whatever
// bytes it holds.
import { DataError } from "./error.ts";
import type { NumberedRow } from "./parquet-file.ts";
import type { Rows } from "./parquet-worker.ts";
import { startThread, ThreadError, type ThreadLimits } from "./thread.ts";

const usual: ThreadLimits = { time: 120_000, memory: 4096 };

export async function* readParquet(
  path: string,
  columns: readonly string[],
  limits: ThreadLimits = usual,
): AsyncGenerator<NumberedRow> {
  const thread = startThread<"more", Rows>("parquet-worker", { path, columns }, limits);
  try {
    for (;;) {
      const found = await thread.ask("more").catch((cause: unknown) => {
        if (!(cause instanceof ThreadError)) throw cause;
        throw new DataError([{ file: path, reason: `it is no good Parquet: reading on ${cause.message}` }]);
      });
      if (found.kind === "wrong") throw new DataError(found.problems);
      yield* found.rows;
      if (found.done) return;
    }
  } finally {
    await thread.close();
  }
}
