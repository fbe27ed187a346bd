// Every file that RELIABILITY.md's list refuses is refused, with the file's name and the reason; what looks odd but is legal is read.
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { CheckpointError } from "../../../runtime/checkpoint/error.ts";
import { parseHeader } from "../../../runtime/checkpoint/header.ts";
import { openSafetensors } from "../../../runtime/checkpoint/safetensors.ts";
import { put, rawFile, temporaryFolder } from "./files.ts";

const one = (fields: string): string => `{"w":{${fields}}}`;
const w4 = (begin: number, end: number): string =>
  `{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`;
const prefix = (length: bigint): Uint8Array => new Uint8Array(new BigUint64Array([length]).buffer);

const refusals: readonly (readonly [what: string, contents: Uint8Array, reason: RegExp])[] = [
  ["an empty file", new Uint8Array(0), /has 0 bytes/],
  ["a file of 7 bytes", new Uint8Array(7), /has 7 bytes/],
  ["a header over 100,000,000 bytes", prefix(100_000_001n), /claims 100000001 bytes, more than/],
  ["a header of 2^64 - 1 bytes", prefix(2n ** 64n - 1n), /claims 18446744073709551615 bytes, more than/],
  ["a header past the end", Buffer.concat([prefix(3n), Buffer.from("{}")]), /past the end/],
  ["a header that is not UTF-8", rawFile(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not UTF-8/],
  ["an empty header", rawFile(""), /does not start with '\{'/],
  ["a header that starts with a space", rawFile(" {}"), /does not start with '\{'/],
  ["a header that starts with a byte order mark", rawFile("\ufeff{}"), /does not start with '\{'/],
  ["a header that is a list", rawFile("[]"), /does not start with '\{'/],
  ["a header cut off", rawFile('{"w":'), /not good JSON/],
  ["a header with a trailing comma", rawFile('{"w":1,}'), /not good JSON/],
  ["a header with text after it", rawFile("{}x"), /not good JSON/],
  [
    "a header with a number as no JSON has",
    rawFile(one('"dtype":"U8","shape":[01],"data_offsets":[0,1]'), 1),
    /not good JSON/,
  ],
  ["a header nested too deep", rawFile(`{"w":${"[".repeat(10_000)}`), /nested more than/],
  ["a tensor named twice", rawFile(`{"w":${w4(0, 4)},"w":${w4(0, 4)}}`, 4), /"w" appears twice/],
  [
    "a tensor named twice, once by an escape",
    rawFile(`{"w":${w4(0, 4)},"\\u0077":${w4(0, 4)}}`, 4),
    /"w" appears twice/,
  ],
  [
    "a field given twice",
    rawFile(one('"dtype":"U8","dtype":"I8","shape":[],"data_offsets":[0,1]'), 1),
    /"dtype" appears twice/,
  ],
  ["metadata given twice", rawFile('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" appears twice/],
  ["metadata that is no object", rawFile('{"__metadata__":"pt"}'), /__metadata__ .* not a JSON object/],
  ["metadata with a number", rawFile('{"__metadata__":{"epoch":3}}'), /"epoch" .* not a string/],
  ["metadata with an object", rawFile('{"__metadata__":{"a":{}}}'), /"a" .* not a string/],
  ["a tensor that is no object", rawFile('{"w":[]}'), /"w": its header entry is not a JSON object/],
  ["no dtype", rawFile(one('"shape":[1],"data_offsets":[0,1]'), 1), /"w": it has no dtype/],
  [
    "an unknown type",
    rawFile(one('"dtype":"F31","shape":[1],"data_offsets":[0,4]'), 4),
    /unknown dtype "F31"/,
  ],
  [
    "a type from Object.prototype",
    rawFile(one('"dtype":"constructor","shape":[1],"data_offsets":[0,4]'), 4),
    /unknown dtype/,
  ],
  ["no shape", rawFile(one('"dtype":"U8","data_offsets":[0,1]'), 1), /no list shape/],
  [
    "a shape that is a number",
    rawFile(one('"dtype":"U8","shape":1,"data_offsets":[0,1]'), 1),
    /no list shape/,
  ],
  [
    "a negative dimension",
    rawFile(one('"dtype":"U8","shape":[-1],"data_offsets":[0,1]'), 1),
    /shape holds -1/,
  ],
  ["negative zero", rawFile(one('"dtype":"U8","shape":[-0],"data_offsets":[0,0]')), /shape holds -0/],
  [
    "a fractional dimension",
    rawFile(one('"dtype":"U8","shape":[1.5],"data_offsets":[0,1]'), 1),
    /shape holds 1.5/,
  ],
  [
    "a whole dimension spelt as a fraction",
    rawFile(one('"dtype":"U8","shape":[1.0],"data_offsets":[0,1]'), 1),
    /shape holds 1.0/,
  ],
  ["an exponent", rawFile(one('"dtype":"U8","shape":[1e0],"data_offsets":[0,1]'), 1), /shape holds 1e0/],
  [
    "a dimension of 2^53",
    rawFile(one('"dtype":"U8","shape":[9007199254740992],"data_offsets":[0,1]'), 1),
    /shape holds 9007199254740992/,
  ],
  [
    "a dimension in quotes",
    rawFile(one('"dtype":"U8","shape":["1"],"data_offsets":[0,1]'), 1),
    /shape holds string/,
  ],
  [
    "a shape whose product wraps around to something small",
    rawFile(one('"dtype":"F32","shape":[4194305,4194305,211106198978564],"data_offsets":[0,16]'), 16),
    /product of its shape \[4194305, 4194305, 211106198978564\] is too large/,
  ],
  [
    "a shape that is too large before it is 0",
    rawFile(one('"dtype":"F32","shape":[9007199254740991,2,0],"data_offsets":[0,0]')),
    /product of its shape/,
  ],
  [
    "a product too large in bytes only",
    rawFile(one('"dtype":"F64","shape":[9007199254740991],"data_offsets":[0,8]'), 8),
    /product of its shape/,
  ],
  [
    "three elements of 4 bits",
    rawFile(one('"dtype":"F4","shape":[3],"data_offsets":[0,2]'), 2),
    /do not fill whole bytes/,
  ],
  ["no offsets", rawFile(one('"dtype":"U8","shape":[1]'), 1), /no list data_offsets/],
  ["one offset", rawFile(one('"dtype":"U8","shape":[1],"data_offsets":[0]'), 1), /not a pair/],
  ["three offsets", rawFile(one('"dtype":"U8","shape":[1],"data_offsets":[0,1,2]'), 1), /not a pair/],
  [
    "a negative offset",
    rawFile(one('"dtype":"U8","shape":[1],"data_offsets":[-1,0]'), 1),
    /data_offsets holds -1/,
  ],
  [
    "an unsafe offset",
    rawFile(one('"dtype":"U8","shape":[1],"data_offsets":[0,9007199254740993]'), 1),
    /data_offsets holds 9007199254740993/,
  ],
  [
    "offsets backwards",
    rawFile(one('"dtype":"U8","shape":[1],"data_offsets":[1,0]'), 1),
    /end before they begin/,
  ],
  [
    "too few bytes for the shape",
    rawFile(one('"dtype":"F32","shape":[2],"data_offsets":[0,4]'), 4),
    /takes 8 bytes, data_offsets give it 4/,
  ],
  [
    "too many bytes for the shape",
    rawFile(one('"dtype":"F32","shape":[],"data_offsets":[0,8]'), 8),
    /takes 4 bytes, data_offsets give it 8/,
  ],
  [
    "two tensors on the same bytes",
    rawFile(`{"a":${w4(0, 4)},"b":${w4(0, 4)}}`, 4),
    /"b" overlaps the one before it by 4/,
  ],
  [
    "tensors that overlap",
    rawFile(`{"a":${w4(0, 4)},"b":${w4(3, 6)}}`, 6),
    /"b" overlaps the one before it by 1/,
  ],
  ["an empty tensor inside another", rawFile(`{"a":${w4(0, 4)},"b":${w4(2, 2)}}`, 4), /"b" overlaps/],
  [
    "a hole",
    rawFile(`{"a":${w4(0, 4)},"b":${w4(5, 6)}}`, 6),
    /1 bytes before tensor "b" belong to no tensor/,
  ],
  ["a hole at the start", rawFile(`{"a":${w4(1, 4)}}`, 4), /1 bytes before tensor "a"/],
  ["bytes after the last tensor", rawFile(`{"a":${w4(0, 4)}}`, 5), /1 bytes after the last tensor/],
  ["bytes without any tensor", rawFile("{}", 1), /1 bytes after the last tensor/],
  ["data cut off", rawFile(`{"a":${w4(0, 4)}}`, 3), /ends 1 bytes too early/],
];

describe("refused, by name and reason", () => {
  test.for(refusals)("%s", async ([, contents, reason]) => {
    const path = put(temporaryFolder(), "model.safetensors", contents);
    const error = await openSafetensors(path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    if (!(error instanceof CheckpointError)) return;
    expect(error.file).toBe(path);
    expect(error.reason).toMatch(reason);
    expect(error.message).toBe(`${path}: ${error.reason}`);
  });

  test("a folder, and a file that is not there", async () => {
    const folder = temporaryFolder();
    await expect(openSafetensors(folder)).rejects.toThrow(/not a regular file/);
    await expect(openSafetensors(`${folder}/none`)).rejects.toThrow(/no such file/);
  });
});

describe("legal", () => {
  const parse = (header: string, data = 0) => parseHeader("f", Buffer.from(header), data);

  test("no tensor at all, spaces at the end, only metadata", () => {
    expect(parse("{}").tensors.size).toBe(0);
    expect(parse("{}      ").tensors.size).toBe(0);
    expect([...parse('{"__metadata__":{"format":"pt"}} ').metadata]).toEqual([["format", "pt"]]);
  });

  test("names that are properties of every object", () => {
    const { tensors } = parse(`{"__proto__":${w4(0, 1)},"constructor":${w4(1, 2)},"":${w4(2, 3)}}`, 3);
    expect([...tensors.keys()]).toEqual(["__proto__", "constructor", ""]);
    expect(tensors.get("toString")).toBeUndefined();
    expect(({} as Record<string, unknown>)["dtype"]).toBeUndefined();
  });

  test("scalars, empty tensors, tensors in another order than their bytes, fields of a later version", () => {
    const { tensors } = parse(
      `{"b":${w4(4, 8)},"none":{"dtype":"F32","shape":[0,7],"data_offsets":[4,4],"note":{}},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`,
      8,
    );
    expect(tensors.get("a")?.shape).toEqual([]);
    expect(tensors.get("none")).toMatchObject({ shape: [0, 7] });
    const b = tensors.get("b");
    expect((b?.end ?? 0) - (b?.begin ?? 0)).toBe(4);
  });

  test("elements of 4 and 6 bits that fill whole bytes", () => {
    const { tensors } = parse(
      '{"a":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]},"b":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[3,6]}}',
      6,
    );
    expect(tensors.size).toBe(2);
  });
});

test("whatever the bytes, the answer is a header that covers all data, or a CheckpointError", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    '"a"',
    '"b"',
    ":",
    ",",
    "[",
    "]",
    "0",
    "4",
    "-1",
    '"dtype"',
    '"U8"',
    '"shape"',
    '"data_offsets"',
    w4(0, 4),
    w4(4, 8),
    " ",
    "\\u0061",
  );
  const header = fc.oneof(
    fc.array(piece).map((p) => Buffer.from(p.join(""))),
    fc.uint8Array({ maxLength: 64 }),
  );
  fc.assert(
    fc.property(header, fc.nat(12), (bytes, data) => {
      try {
        const { tensors } = parseHeader("f", bytes, data);
        const covered = [...tensors.values()].reduce((sum, t) => sum + t.end - t.begin, 0);
        expect(covered).toBe(data);
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
