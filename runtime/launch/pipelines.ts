// Kernels and dispatches made ready for a device: pipelines compiled in parallel, bind groups made once and shared.
// Comes in: a plan and its buffers. Goes out: for each program its dispatches as device objects, in order.
// Holds: every binding is a storage buffer of group 0, as the plan declares it; nothing is left for the device to guess.
import type { Access, Dispatch, Plan, PlanKernel } from "../../compiler/plan/plan.ts";
import type { Resources } from "../device/resources.ts";
import { DeviceError, guarded } from "../device/scopes.ts";

/** One dispatch as the device takes it. */
export interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

export type Progress = (done: number, total: number) => void;

interface Built {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles every kernel; the order of the result is that of the plan's kernels. */
export async function compileKernels(
  resources: Resources,
  plan: Plan,
  progress: Progress,
): Promise<readonly Built[]> {
  const layoutOf = layouts(resources);
  const prepared = await guarded(resources.device, "reading the plan's kernels", () =>
    plan.kernels.map((kernel) => {
      const module = resources.shaderModule({ label: kernel.name, code: kernel.wgsl });
      return { kernel, module, ...layoutOf(kernel.bindings.map(({ access }) => access)) };
    }),
  );
  let done = 0;
  progress(done, prepared.length);
  return Promise.all(
    prepared.map(async ({ kernel, module, layout, whole }): Promise<Built> => {
      const pipeline = await compileOne(resources, kernel, module, whole);
      done += 1;
      progress(done, prepared.length);
      return { pipeline, layout };
    }),
  );
}

async function compileOne(
  resources: Resources,
  kernel: PlanKernel,
  module: GPUShaderModule,
  layout: GPUPipelineLayout,
): Promise<GPUComputePipeline> {
  try {
    return await resources.pipeline({ label: kernel.name, layout, compute: { module } });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError("validation", `compiling kernel '${kernel.name}' (${kernel.about})`, message);
  }
}

/** Layouts by what their bindings allow: kernels that bind alike share one. */
function layouts(resources: Resources) {
  const known = new Map<string, { readonly layout: GPUBindGroupLayout; readonly whole: GPUPipelineLayout }>();
  return (accesses: readonly Access[]) => {
    const key = accesses.join();
    const found = known.get(key);
    if (found !== undefined) return found;
    const layout = resources.groupLayout({
      entries: accesses.map((access, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: access === "read" ? "read-only-storage" : "storage" },
      })),
    });
    const made = { layout, whole: resources.pipelineLayout({ bindGroupLayouts: [layout] }) };
    known.set(key, made);
    return made;
  };
}

/** The dispatches of every program, by its name. */
export async function bindPrograms(
  resources: Resources,
  plan: Plan,
  buffers: readonly (GPUBuffer | undefined)[],
  kernels: readonly Built[],
): Promise<ReadonlyMap<string, readonly Ready[]>> {
  const groups = new Map<string, GPUBindGroup>();
  const bind = ({ kernel, tensors }: Dispatch): Ready => {
    const { pipeline, layout } = at(kernels, kernel);
    const ranges = tensors.map((index) => at(plan.tensors, index));
    const { bindings, workgroups } = at(plan.kernels, kernel);
    const accesses = bindings.map(({ access }) => access);
    const places = ranges.map(({ buffer, offset, size }) => `${buffer} ${offset} ${size}`);
    const key = [...accesses, ...places].join();
    const known = groups.get(key);
    if (known !== undefined) return { pipeline, group: known, workgroups };
    const group = resources.bindGroup({
      layout,
      entries: ranges.map(({ buffer, offset, size }, binding) => ({
        binding,
        resource: { buffer: at(buffers, buffer), offset, size },
      })),
    });
    groups.set(key, group);
    return { pipeline, group, workgroups };
  };
  return guarded(
    resources.device,
    "binding the plan's dispatches",
    () => new Map(plan.programs.map(({ name, dispatches }) => [name, dispatches.map(bind)])),
  );
}

/** Submits one pass over the dispatches; each sees what those before it wrote. */
export function submit(device: GPUDevice, name: string, dispatches: readonly Ready[]): void {
  const encoder = device.createCommandEncoder({ label: name });
  const pass = encoder.beginComputePass({ label: name });
  let pipeline: GPUComputePipeline | undefined;
  let group: GPUBindGroup | undefined;
  for (const next of dispatches) {
    if (next.pipeline !== pipeline) pass.setPipeline((pipeline = next.pipeline));
    if (next.group !== group) pass.setBindGroup(0, (group = next.group));
    const [x, y, z] = next.workgroups;
    pass.dispatchWorkgroups(x, y, z);
  }
  pass.end();
  device.queue.submit([encoder.finish()]);
}

export function at<T>(list: readonly (T | undefined)[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new RangeError(`the plan names entry ${index} of a list of ${list.length}`);
  return found;
}
