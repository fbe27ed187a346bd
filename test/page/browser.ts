// A real Chromium for tests of pages, out of the package @sparticuz/chromium: with its own libraries and fonts, so that the machine needs none.
// In: nothing. Out: a browser of playwright-core. Holds: what is unpacked is written aside and renamed; its folder carries the version.
import { createReadStream } from "node:fs";
import { access, chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createWriteStream } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { chromium, type Browser } from "playwright-core";
import { extract } from "tar";
import { cacheFolder } from "../../runtime/device/swiftshader.ts";

export async function openBrowser(): Promise<Browser> {
  const path = findPackageJSON("@sparticuz/chromium", import.meta.url);
  if (path === undefined) throw new Error("these tests need the optional package @sparticuz/chromium");
  const { version } = JSON.parse(await readFile(path, "utf8")) as { readonly version: string };
  const folder = join(cacheFolder(), `chromium-${version}`);
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  if (!isThere) await unpack(join(dirname(path), "bin"), folder);
  return chromium.launch({
    executablePath: join(folder, "chromium"),
    // Tests run as root in containers, where the sandbox does not start.
    args: ["--no-sandbox", "--disable-gpu"],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: join(folder, "lib"),
      FONTCONFIG_FILE: join(folder, "fonts.conf"),
    },
  });
}

async function unpack(archives: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const aside = await mkdtemp(join(dirname(target), "unpacking-"));
  try {
    const binary = join(aside, "chromium");
    await pipeline(
      createReadStream(join(archives, "chromium.br")),
      createBrotliDecompress(),
      createWriteStream(binary),
    );
    await chmod(binary, 0o755);
    for (const name of ["al2023.tar.br", "fonts.tar.br"])
      await extract({ file: join(archives, name), cwd: aside, brotli: true, preserveOwner: false });
    await writeFile(join(aside, "fonts.conf"), fontsOf(join(target, "fonts")));
    await rename(aside, target).catch(async (error: unknown) => {
      // Another process was quicker.
      await access(target).catch(() =>
        Promise.reject(error instanceof Error ? error : new Error(String(error))),
      );
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

function fontsOf(folder: string): string {
  const directories = ["/usr/share/fonts", folder].map((each) => `<dir>${each}</dir>`).join("");
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${directories}<cachedir prefix="xdg">fontconfig</cachedir></fontconfig>\n`;
}
