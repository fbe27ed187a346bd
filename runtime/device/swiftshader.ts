// SwiftShader, a software Vulkan device, out of the optional package @sparticuz/chromium, which ships it compressed.
// Comes in: the installed package. Goes out: the paths of its driver description and its Vulkan loader.
// Holds: the cache folder has all of the files or does not exist; it is written aside and renamed, so that two
// processes may unpack at once. The folder's name carries the package's version.
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Absolute paths inside the cache folder. */
export type SwiftShaderFiles = {
  /** The description that VK_DRIVER_FILES names; it points to the driver beside it. */
  readonly driver: string;
  /** A Vulkan loader, for systems without one. */
  readonly loader: string;
};

const driverName = "vk_swiftshader_icd.json";
const loaderName = "libvulkan.so.1";
const wantedFiles: readonly string[] = [driverName, loaderName, "libvk_swiftshader.so"];

/** Where unpacked things are kept between runs: `$XDG_CACHE_HOME/ftl`, or `~/.cache/ftl`. */
export function cacheFolder(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const base = environment["XDG_CACHE_HOME"];
  return join(base !== undefined && base.startsWith("/") ? base : join(homedir(), ".cache"), "ftl");
}

/** Unpacks SwiftShader unless that was done before. Throws an Error that says what is missing. */
export async function unpackSwiftShader(cache: string = cacheFolder()): Promise<SwiftShaderFiles> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(`it is brought for Linux on x64 only, this is ${process.platform} on ${process.arch}`);
  }
  const { folder, version } = await findPackage();
  const target = join(cache, `swiftshader-${version}`);
  if (!(await isComplete(target))) await unpack(join(folder, "bin", "swiftshader.tar.br"), cache, target);
  return { driver: join(target, driverName), loader: join(target, loaderName) };
}

async function findPackage(): Promise<{ folder: string; version: string }> {
  try {
    const path = findPackageJSON("@sparticuz/chromium", import.meta.url);
    if (path !== undefined) {
      const manifest: unknown = JSON.parse(await readFile(path, "utf8"));
      const version: unknown =
        typeof manifest === "object" && manifest !== null && "version" in manifest
          ? manifest.version
          : undefined;
      return { folder: dirname(path), version: String(version) };
    }
  } catch {
    // Not installed: said below.
  }
  throw new Error("the optional package @sparticuz/chromium, which brings it, is not installed");
}

async function unpack(archive: string, cache: string, target: string): Promise<void> {
  let aside: string | undefined;
  try {
    const { extract } = await import("tar");
    await mkdir(cache, { recursive: true });
    aside = await mkdtemp(join(cache, "unpacking-"));
    await extract({
      file: archive,
      cwd: aside,
      brotli: true,
      strict: true,
      preserveOwner: false,
      filter: (path) => wantedFiles.includes(path.replace(/^\.\//, "")),
    });
    if (!(await isComplete(aside))) throw new Error("the archive lacks a file");
    await putInPlace(aside, target);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`it could not be unpacked to ${cache}: ${reason}`, { cause: error });
  } finally {
    if (aside !== undefined) await rm(aside, { recursive: true, force: true });
  }
}

/** Renames a complete folder to where it belongs. Whoever is first wins; what is complete there is left alone. */
async function putInPlace(aside: string, target: string): Promise<void> {
  try {
    await rename(aside, target);
  } catch (error) {
    if (await isComplete(target)) return;
    // Something took files out of the folder since it was made: out of the way with it, at once and whole.
    const broken = `${aside}-broken`;
    await rename(target, broken).catch(() => undefined);
    await rm(broken, { recursive: true, force: true });
    await rename(aside, target).catch(async () => {
      if (!(await isComplete(target))) throw error;
    });
  }
}

async function isComplete(folder: string): Promise<boolean> {
  const present = await Promise.allSettled(
    wantedFiles.map((name) => access(join(folder, name), constants.R_OK)),
  );
  return present.every(({ status }) => status === "fulfilled");
}
