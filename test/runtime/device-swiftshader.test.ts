// Unpacking SwiftShader to a cache folder: complete or absent, whoever else does it at the same time.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cacheFolder, unpackSwiftShader } from "../../runtime/device/swiftshader.ts";

test("the cache folder follows the XDG rules: an absolute path or the default", () => {
  expect(cacheFolder({ XDG_CACHE_HOME: "/somewhere" })).toBe("/somewhere/ftl");
  expect(cacheFolder({ XDG_CACHE_HOME: "relative" })).toBe(join(homedir(), ".cache", "ftl"));
  expect(cacheFolder({})).toBe(join(homedir(), ".cache", "ftl"));
});

// Its package has files for Linux on x64 alone.
describe.runIf(process.platform === "linux" && process.arch === "x64")("unpacking", () => {
  let cache: string;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), "ftl-cache-"));
  });
  afterEach(async () => {
    await rm(cache, { recursive: true, force: true });
  });

  test("gives the driver's description and a loader, and nothing else stays", async () => {
    const { driver, loader } = await unpackSwiftShader(cache);
    expect(await readFile(driver, "utf8")).toContain("libvk_swiftshader.so");
    expect((await readFile(loader)).subarray(1, 4).toString()).toBe("ELF");
    expect(await readdir(cache)).toHaveLength(1);
  });

  test("several at once give the same files", async () => {
    const all = await Promise.all([1, 2, 3, 4].map(() => unpackSwiftShader(cache)));
    expect(new Set(all.map(({ driver }) => driver)).size).toBe(1);
    expect(await readdir(cache)).toHaveLength(1);
  });

  test("a folder that lacks a file is replaced", async () => {
    const { loader } = await unpackSwiftShader(cache);
    await rm(loader);
    await unpackSwiftShader(cache);
    await expect(readFile(loader)).resolves.toBeInstanceOf(Buffer);
  });

  test("a cache that cannot be written is named", async () => {
    await mkdir(cache, { recursive: true });
    const file = join(cache, "file");
    await writeFile(file, "");
    await expect(unpackSwiftShader(file)).rejects.toThrow(`it could not be unpacked to ${file}`);
  });
});
