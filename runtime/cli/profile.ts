// The device profile that `--device` names. Comes in: a built-in name, or the path of a JSON file such as `ftlc devices --save` writes.
// Goes out: a profile, or a Failure that names the file and the field. Holds: every field is checked, because plans hang on it.
import { builtinProfiles, gpuDecodedRows } from "../../compiler/profile/builtin.ts";
import type { DeviceLimits, DeviceProfile, Tile } from "../../compiler/plan/plan.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { readJson } from "./files.ts";

const limitNames: readonly (keyof DeviceLimits)[] = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "minStorageBufferOffsetAlignment",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
];

export function isPath(device: string): boolean {
  return /[/\\]|\.json$/.test(device);
}

/** `code`: to end with where there is no such profile. */
export function findProfile(device: string, code: ExitCode = exitCodes.usage): DeviceProfile {
  const builtin = builtinProfiles.get(device);
  if (builtin !== undefined) return builtin;
  if (isPath(device)) return readProfile(device, readJson(device));
  throw new Failure(`there is no device profile '${device}'`, code, [
    `there are ${[...builtinProfiles.keys()].join(", ")}; a file is named with a / or ends in .json`,
  ]);
}

/** `path` is for messages. */
export function readProfile(path: string, value: unknown): DeviceProfile {
  const root = fields(path, "the profile", value);
  const limits = fields(path, '"limits"', root["limits"]);
  const name = root["name"];
  if (typeof name !== "string" || name === "") throw wrong(path, '"name"', "a name");
  const features = root["features"];
  if (!Array.isArray(features) || !features.every((each): each is string => typeof each === "string")) {
    throw wrong(path, '"features"', "a list of names");
  }
  const tiles = root["tiles"];
  if (!Array.isArray(tiles) || tiles.length === 0)
    throw wrong(path, '"tiles"', "a list of tiles, as `ftlc devices --save` writes");
  return {
    name,
    limits: Object.fromEntries(
      limitNames.map((limit) => [limit, count(path, limit, limits[limit])]),
    ) as Record<keyof DeviceLimits, number>,
    features,
    memory: count(path, "memory", root["memory"]),
    tiles: tiles.map((tile: unknown, index) => readTile(path, `tiles[${index}]`, tile)),
    decodedRows: count(path, "decodedRows", root["decodedRows"] ?? gpuDecodedRows),
  };
}

function readTile(path: string, at: string, value: unknown): Tile {
  const tile = fields(path, at, value);
  const { kind } = tile;
  if (kind !== "shared" && kind !== "direct") throw wrong(path, `${at}.kind`, '"shared" or "direct"');
  const sizes: unknown[] = Array.isArray(tile["atLeast"]) ? tile["atLeast"] : [];
  const [rows, columns, inner] = [0, 1, 2].map((axis) => count(path, `${at}.atLeast[${axis}]`, sizes[axis]));
  return {
    kind,
    atLeast: [rows ?? 1, columns ?? 1, inner ?? 1],
    rows: count(path, `${at}.rows`, tile["rows"]),
    columns: count(path, `${at}.columns`, tile["columns"]),
    inner: count(path, `${at}.inner`, tile["inner"]),
    rowsEach: count(path, `${at}.rowsEach`, tile["rowsEach"]),
    columnsEach: count(path, `${at}.columnsEach`, tile["columnsEach"]),
  };
}

function fields(path: string, at: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw wrong(path, at, "an object");
}

function count(path: string, at: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw wrong(path, at, "a whole number from 1");
}

function wrong(path: string, at: string, expected: string): Failure {
  return new Failure(`${path}: no device profile: ${at} must be ${expected}`);
}
