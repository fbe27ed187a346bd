// Profiles by name: their limits keep together, and the README's table is theirs.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { webgpuLimits } from "../../../compiler/profile/builtin.ts";
import { builtinProfiles, profileTable } from "../../../compiler/profile/named.ts";
import { typicalProfiles } from "../../../compiler/profile/typical.ts";

test("no profile is below the defaults of WebGPU, and none binds more than a buffer has", () => {
  for (const [name, { limits, memory }] of builtinProfiles) {
    expect(limits.maxStorageBufferBindingSize, name).toBeLessThanOrEqual(limits.maxBufferSize);
    expect(memory, name).toBeGreaterThanOrEqual(limits.maxStorageBufferBindingSize);
    for (const [limit, least] of Object.entries(webgpuLimits))
      expect(limits[limit as keyof typeof limits], `${name} ${limit}`).toBeGreaterThanOrEqual(least);
  }
});

test("every typical profile says where its limits come from", () => {
  for (const { profile, sources } of typicalProfiles) {
    expect(sources.length, profile.name).toBeGreaterThan(0);
    for (const source of sources) expect(source).toMatch(/^https:/);
  }
});

test("the table in the README is that of the profiles", () => {
  const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  expect(readme).toContain(profileTable());
});
