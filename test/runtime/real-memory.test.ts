// What a GPU really holds for this process, from the words of those who tell it.
import { expect, test } from "vitest";
import { clientBytes, processBytes, realMemory, type System } from "../../runtime/device/real-memory.ts";

const mebibyte = 2 ** 20;

/** A system in which process 7 runs; its cards' lines come one after another, one a question. */
function system(processes: string | undefined, cards: string[], infos: readonly string[] = []): System {
  return {
    process: 7,
    nvidiaSmi: async ([query = ""]) => (query.includes("compute-apps") ? processes : cards.shift()),
    fileInfos: async () => infos,
  };
}

const nvidia = { vendor: "nvidia", isSoftware: false };

test("nvidia-smi tells it of a process, on all cards that it is on", async () => {
  const read = (await realMemory(system("6, 100\n7, 300\n7, 20\n", ["4\n4\n"])))(nvidia);
  expect(read.latest()).toBeUndefined();
  expect(await read.read()).toEqual({ bytes: 320 * mebibyte, by: "nvidia-smi" });
  expect(read.latest()).toEqual({ bytes: 320 * mebibyte, by: "nvidia-smi" });
  expect(processBytes("7, [N/A]\n", 7)).toBeUndefined();
  expect(processBytes("", 7)).toBeUndefined();
});

test("where processes cannot be seen, the cards' memory since before the device was opened tells it", async () => {
  const found = (await realMemory(system("", ["10\n500\n", "10\n1700\n"])))(nvidia);
  expect(await found.read()).toEqual({ bytes: 1200 * mebibyte, by: "card" });
});

test("without nvidia-smi, of a software device and of nobody's GPU nothing is told", async () => {
  expect(await (await realMemory(system(undefined, [])))(nvidia).read()).toBeUndefined();
  expect(
    await (await realMemory(system("7, 3", ["1"])))({ ...nvidia, isSoftware: true }).read(),
  ).toBeUndefined();
  const info = "drm-driver:\ti915\ndrm-client-id:\t1\ndrm-resident-system0:\t4 KiB\n";
  const other = { vendor: "amd", isSoftware: false };
  expect(await (await realMemory(system(undefined, [], [info])))(other).read()).toBeUndefined();
});

test("the kernel's drivers tell it of their clients, each once", async () => {
  // Two open files of one client, as amdgpu writes them (older and newer names), a second client, and another GPU of the machine.
  const amd = `pos:\t0
drm-driver:\tamdgpu
drm-client-id:\t42
drm-pdev:\t0000:03:00.0
drm-memory-vram:\t2048 KiB
drm-memory-gtt: \t100 KiB
drm-memory-cpu: \t7 KiB
drm-total-vram:\t9999 KiB
drm-resident-vram:\t2048 KiB
drm-resident-gtt:\t100 KiB
drm-resident-cpu:\t7 KiB
`;
  const older = amd.replaceAll(/^drm-(resident|total).*\n/gm, "").replace("id:\t42", "id:\t43");
  const intel = `drm-driver:\ti915
drm-client-id:\t42
drm-pdev:\t0000:00:02.0
drm-total-system0:\t6044 KiB
drm-resident-system0:\t6044 KiB
drm-resident-stolen-system0:\t0
`;
  const infos = [amd, amd, older, intel, "pos:\t0\nflags:\t02\n"];
  expect(clientBytes(infos, ["amdgpu"])).toBe(2 * 2148 * 1024);
  expect(clientBytes(infos, ["i915", "xe"])).toBe(6044 * 1024);
  expect(clientBytes(infos, ["msm"])).toBeUndefined();
  const found = (await realMemory(system(undefined, [], infos)))({ vendor: "intel", isSoftware: false });
  expect(await found.read()).toEqual({ bytes: 6044 * 1024, by: "fdinfo" });
});
