// Measuring a device plans and runs the same job both ways, and gives a profile that reads back.
import { afterAll, expect, test } from "vitest";
import { profileFromDevice } from "../../compiler/profile/device.ts";
import { readProfile } from "../../compiler/profile/read.ts";
import { measureDecoding } from "../../runtime/device/measure.ts";
import { openDevice } from "../../runtime/device/open.ts";

const opened = await openDevice();
afterAll(() => opened.close());

test("a profile gains what was measured", { timeout: 120_000 }, async () => {
  const before = profileFromDevice(opened.facts);
  let now = 0;
  const { profile, measured } = await measureDecoding(opened.device, before, {
    rows: [4],
    width: 64,
    warmUp: 0,
    least: 0,
    clock: () => (now += 1),
  });
  expect(measured.map(({ rows }) => rows)).toEqual([4]);
  // By this clock both take as long.
  expect(profile).toEqual({ ...before, decodedRows: 4 });
  expect(readProfile(JSON.stringify(profile))).toEqual(profile);
  expect(opened.takeErrors()).toEqual([]);
});
