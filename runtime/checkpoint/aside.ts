// Goes in: a path and its new contents, piece by piece. Comes out: the file, whole, or untouched if anything failed.
// Always: written beside its place, synced, renamed, and the folder synced, so a kill or a full disk at any moment leaves
// either the old file or the new one under the name.

import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { CheckpointError, systemReason } from "./error.ts";

export async function writeAside(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(partial, "wx");
    try {
      for await (const piece of pieces) {
        // One write may take only a part of what it is given (a full disk, a signal).
        for (let done = 0; done < piece.length;) done += (await handle.write(piece, done)).bytesWritten;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    if (cause instanceof Error && "code" in cause) {
      throw new CheckpointError(path, `it could not be written: ${systemReason(cause)}`, cause);
    }
    throw cause;
  }
}

/** Makes a rename durable. Windows cannot open folders, and needs no such step. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
