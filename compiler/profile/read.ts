// A device profile from a file such as `ftlc devices --save` writes. Comes in: the file's text. Goes out: a profile, or what is wrong with
// it, by its field. Holds: every field is checked, because plans hang on it.
import type { DeviceLimits, DeviceProfile, Tile } from "../plan/plan.ts";
import { gpuDecodedRows, gpuTransferRate } from "./builtin.ts";

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

/** Where a profile is said, whether a file is meant and not a built-in name. */
export function isProfilePath(device: string): boolean {
  return /[/\\]|\.json$/.test(device);
}

/** A message such as "memory must be a whole number from 1", to stand behind the file's name. */
export type Unreadable = { readonly wrong: string };

export function readProfile(text: string): DeviceProfile | Unreadable {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { wrong: `this is no good JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  try {
    return profileOf(value);
  } catch (error) {
    if (error instanceof WrongField) return { wrong: `no device profile: ${error.message}` };
    throw error;
  }
}

class WrongField extends Error {
  override readonly name = "WrongField";
}

function profileOf(value: unknown): DeviceProfile {
  const root = fields("the profile", value);
  const limits = fields('"limits"', root["limits"]);
  const name = root["name"];
  if (typeof name !== "string" || name === "") throw wrong('"name"', "a name");
  const features = root["features"];
  if (!Array.isArray(features) || !features.every((each): each is string => typeof each === "string")) {
    throw wrong('"features"', "a list of names");
  }
  const tiles = root["tiles"];
  if (!Array.isArray(tiles) || tiles.length === 0)
    throw wrong('"tiles"', "a list of tiles, as `ftlc devices --save` writes");
  return {
    name,
    limits: Object.fromEntries(limitNames.map((limit) => [limit, count(limit, limits[limit])])) as Record<
      keyof DeviceLimits,
      number
    >,
    features,
    memory: count("memory", root["memory"]),
    tiles: tiles.map((tile: unknown, index) => readTile(`tiles[${index}]`, tile)),
    decodedRows: count("decodedRows", root["decodedRows"] ?? gpuDecodedRows),
    transferRate: count("transferRate", root["transferRate"] ?? gpuTransferRate),
  };
}

function readTile(at: string, value: unknown): Tile {
  const tile = fields(at, value);
  const { kind } = tile;
  if (kind !== "shared" && kind !== "direct") throw wrong(`${at}.kind`, '"shared" or "direct"');
  const sizes: unknown[] = Array.isArray(tile["atLeast"]) ? tile["atLeast"] : [];
  const [rows, columns, inner] = [0, 1, 2].map((axis) => count(`${at}.atLeast[${axis}]`, sizes[axis]));
  return {
    kind,
    atLeast: [rows ?? 1, columns ?? 1, inner ?? 1],
    rows: count(`${at}.rows`, tile["rows"]),
    columns: count(`${at}.columns`, tile["columns"]),
    inner: count(`${at}.inner`, tile["inner"]),
    rowsEach: count(`${at}.rowsEach`, tile["rowsEach"]),
    columnsEach: count(`${at}.columnsEach`, tile["columnsEach"]),
  };
}

function fields(at: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw wrong(at, "an object");
}

function count(at: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw wrong(at, "a whole number from 1");
}

function wrong(at: string, expected: string): WrongField {
  return new WrongField(`${at} must be ${expected}`);
}
