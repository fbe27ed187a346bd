// Goes in: the path of a text file. Comes out: its lines one after another, numbered from 1.
// Always: no more than one line and one chunk are held; bytes that are not UTF-8 are refused with their line, never replaced.

import { createReadStream } from "node:fs";

import { systemReason } from "../checkpoint/error.ts";
import { DataError } from "./error.ts";

export interface Line {
  readonly number: number;
  readonly text: string;
}

const longestLine = 64 * 1024 * 1024;
const longestText = 256 * 1024 * 1024;
const newline = 0x0a;

export async function* readLines(file: string): AsyncGenerator<Line> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let held = 0;

  function take(): Line {
    const text = decode(file, number, Buffer.concat(parts));
    parts = [];
    held = 0;
    return { number: number++, text };
  }

  for await (const chunk of chunks(file)) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      parts.push(chunk.subarray(from, end));
      from = end + 1;
      yield take();
    }
    held += chunk.length - from;
    if (held > longestLine) {
      throw new DataError([{ file, line: number, reason: `is longer than ${longestLine} bytes` }]);
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0) yield take();
}

/** The whole file as one text, for formats without lines. */
export async function readWhole(file: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of chunks(file)) {
    parts.push(chunk);
    held += chunk.length;
    if (held > longestText) {
      throw new DataError([
        { file, reason: `one text is longer than ${longestText} bytes; divide it, as JSONL` },
      ]);
    }
  }
  return decode(file, undefined, Buffer.concat(parts));
}

async function* chunks(file: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Buffer;
  } catch (cause) {
    throw new DataError([{ file, reason: `the data could not be read: ${systemReason(cause)}` }]);
  }
}

function decode(file: string, line: number | undefined, bytes: Uint8Array): string {
  try {
    // A byte order mark is dropped at the start of the file and kept, as a character, elsewhere.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: (line ?? 1) > 1 }).decode(bytes);
  } catch {
    throw new DataError([{ file, ...(line === undefined ? {} : { line }), reason: "this is not UTF-8" }]);
  }
}
