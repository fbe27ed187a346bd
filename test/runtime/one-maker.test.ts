// What a device holds is made in one file, which counts it: nothing else of the runtime or of the benchmarks may call a maker.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { resourcesOf } from "../../runtime/device/resources.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** All methods of a GPUDevice that make something, but for command encoders, and those of others that do. */
const makers =
  /\b(create(?!CommandEncoder\b)[A-Z]\w*(?:Buffer|Texture|Sampler|Layout|Group|Module|Pipeline|PipelineAsync|QuerySet|Encoder)|create(?:Buffer|Texture|Sampler|BindGroup|QuerySet|ShaderModule)|importExternalTexture|writeBuffer|writeTexture)\b/g;

test("only runtime/device/resources.ts makes buffers, pipelines and the like", () => {
  const found = ["runtime", "bench"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => {
        const path = join(root, folder, name);
        const called = new Set(readFileSync(path, "utf8").match(makers));
        return [...called].map((maker) => `${relative(root, path)}: ${maker}`);
      }),
  );
  expect(found.toSorted()).toEqual(
    [
      "createBindGroup",
      "createBindGroupLayout",
      "createBuffer",
      "createComputePipelineAsync",
      "createPipelineLayout",
      "createShaderModule",
    ].map((maker) => `runtime/device/resources.ts: ${maker}`),
  );
});

test("what is made is counted, and after the seal nothing can be made", async () => {
  const device = {
    createBuffer: ({ size }: GPUBufferDescriptor) => ({ size, destroy: () => undefined }),
    createShaderModule: () => ({}),
    createBindGroup: () => ({}),
    createComputePipelineAsync: async () => ({}),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
  } as unknown as GPUDevice;
  // Values of the specification, which Node has no global for until a device is opened.
  const [mapRead, storage] = [0x1, 0x80];
  const usages = { MAP_READ: mapRead, MAP_WRITE: 0x2, STORAGE: storage };
  Object.assign(globalThis, { GPUBufferUsage: usages });
  const resources = resourcesOf(device);
  resources.buffer({ size: 512, usage: storage });
  resources.buffer({ size: 256, usage: storage });
  resources.buffer({ size: 64, usage: mapRead });
  resources.shaderModule({ code: "" });
  resources.bindGroup({ layout: resources.groupLayout({ entries: [] }), entries: [] });
  resources.pipelineLayout({ bindGroupLayouts: [] });
  const pipeline = { layout: "auto", compute: { module: {} as GPUShaderModule } } as const;
  await resources.pipeline(pipeline);
  const all = {
    buffers: 2,
    bytes: 768,
    stagingBuffers: 1,
    stagingBytes: 64,
    shaderModules: 1,
    layouts: 2,
    pipelines: 1,
    bindGroups: 1,
  };
  expect(resources.allocated()).toEqual(all);
  resources.seal();
  expect(() => resources.buffer({ label: "late", size: 4, usage: storage })).toThrow(
    "a buffer 'late' was asked for after the plan had begun",
  );
  expect(() => resources.shaderModule({ code: "" })).toThrow("a shader module was asked for");
  await expect(resources.pipeline(pipeline)).rejects.toThrow("a pipeline was asked for");
  expect(resources.allocated()).toEqual(all);
});
