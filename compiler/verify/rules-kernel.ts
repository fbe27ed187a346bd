// Rules about kernels: their text is what the plan says of them, the device can run them, and every dispatch gives them tensors
// large enough.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { PlanKernel } from "../plan/plan.ts";
import { eachDispatch, type Rule } from "./rule.ts";
import type { KernelText } from "./wgsl.ts";

const text: Rule = {
  name: "kernel text",
  about: "a kernel's bindings, their use, its workgroup's size and memory are those of its text",
  check(plan, report) {
    plan.kernels.forEach((kernel, index) => {
      report.examine();
      for (const fault of textFaults(kernel, report.textOf(kernel)))
        report.refuse(`kernel '${kernel.name}': ${fault}`, { kernels: [index] });
    });
  },
};

function textFaults(kernel: PlanKernel, read: KernelText): string[] {
  const faults = [...read.unclear];
  if (read.bindings.length !== kernel.bindings.length) {
    faults.push(`the text declares ${read.bindings.length} bindings and the plan ${kernel.bindings.length}`);
  }
  kernel.bindings.forEach(({ name, access, reads, writes, bytes }, at) => {
    const found = read.bindings[at];
    if (found === undefined) return;
    if (found.group !== 0 || found.binding !== at)
      faults.push(
        `'${found.name}' stands at group ${found.group}, binding ${found.binding} and not 0, ${at}`,
      );
    if (found.name !== name)
      faults.push(`binding ${at} is '${found.name}' in the text and '${name}' in the plan`);
    if (found.access !== access)
      faults.push(`'${name}' is ${found.access} in the text and ${access} in the plan`);
    if (found.writes && access === "read") faults.push(`'${name}' is read-only and written`);
    if (found.reads !== reads)
      faults.push(
        `the text ${found.reads ? "reads" : "does not read"} '${name}' and the plan says otherwise`,
      );
    if (found.writes !== writes)
      faults.push(
        `the text ${found.writes ? "writes" : "does not write"} '${name}' and the plan says otherwise`,
      );
    if (found.atLeast > bytes)
      faults.push(`'${name}' takes ${found.atLeast} bytes in the text and ${bytes} in the plan`);
  });
  if (read.workgroupSize.some((size, axis) => size !== kernel.workgroupSize[axis])) {
    faults.push(
      `the workgroup is ${read.workgroupSize.join("×")} in the text and ${kernel.workgroupSize.join("×")} in the plan`,
    );
  }
  if (read.workgroupMemory !== kernel.workgroupMemory) {
    faults.push(
      `the text takes ${read.workgroupMemory} bytes of workgroup memory and the plan says ${kernel.workgroupMemory}`,
    );
  }
  return faults;
}

const limits: Rule = {
  name: "device limits",
  about: "buffers, bindings, workgroups and their memory are within the limits of the device's profile",
  check(plan, report) {
    const { limits } = plan.device;
    plan.buffers.forEach(({ name, size, memory }, index) => {
      report.examine();
      if (memory === "device" && size > limits.maxBufferSize) {
        report.refuse(`buffer '${name}' has ${size} bytes; the device allows ${limits.maxBufferSize}`, {
          buffers: [index],
        });
      }
    });
    plan.kernels.forEach((kernel, index) => {
      report.examine();
      const over = (what: string, value: number, limit: number): void => {
        if (value > limit)
          report.refuse(`kernel '${kernel.name}' has ${value} ${what}; the device allows ${limit}`, {
            kernels: [index],
          });
      };
      const [x, y, z] = kernel.workgroupSize;
      over("storage bindings", kernel.bindings.length, limits.maxStorageBuffersPerShaderStage);
      over("invocations along x", x, limits.maxComputeWorkgroupSizeX);
      over("invocations along y", y, limits.maxComputeWorkgroupSizeY);
      over("invocations along z", z, limits.maxComputeWorkgroupSizeZ);
      over("invocations in a workgroup", x * y * z, limits.maxComputeInvocationsPerWorkgroup);
      over(
        "workgroups along one axis",
        Math.max(...kernel.workgroups),
        limits.maxComputeWorkgroupsPerDimension,
      );
      over(
        "bytes of workgroup memory",
        report.textOf(kernel).workgroupStorage,
        limits.maxComputeWorkgroupStorageSize,
      );
    });
    const refused = new Set<number>();
    eachDispatch(plan, ({ tensors }, program, dispatch) => {
      for (const index of tensors) {
        report.examine();
        const tensor = plan.tensors[index];
        if (tensor === undefined || tensor.size <= limits.maxStorageBufferBindingSize || refused.has(index))
          continue;
        refused.add(index);
        const message = `tensor '${tensor.name}' is bound with ${tensor.size} bytes; the device allows ${limits.maxStorageBufferBindingSize}`;
        report.refuse(message, { tensors: [index], dispatches: [[program, dispatch]] });
      }
    });
  },
};

const features: Rule = {
  name: "features",
  about: "what a kernel's text enables is listed with it, and the device has it",
  check(plan, report) {
    plan.kernels.forEach((kernel, index) => {
      const { name, features } = kernel;
      report.examine();
      const enabled = report.textOf(kernel).enables.map(featureOf);
      for (const feature of enabled) {
        if (!features.includes(feature))
          report.refuse(`kernel '${name}' enables '${feature}' and does not list it`, { kernels: [index] });
      }
      for (const feature of features) {
        if (!plan.device.features.includes(feature))
          report.refuse(`kernel '${name}' needs '${feature}', which the device lacks`, { kernels: [index] });
      }
    });
  },
};

/** The device feature behind a name after `enable`. */
function featureOf(name: string): string {
  return name === "f16" ? "shader-f16" : name.replaceAll("_", "-");
}

const binding: Rule = {
  name: "bindings",
  about: "every tensor is as large as the kernel that is given it may touch",
  check(plan, report) {
    eachDispatch(plan, ({ kernel, tensors }, program, dispatch) => {
      report.examine();
      const of = plan.kernels[kernel];
      of?.bindings.forEach(({ name, bytes }, at) => {
        const tensor = plan.tensors[tensors[at] ?? -1];
        if (tensor === undefined || bytes <= tensor.size) return;
        report.refuse(
          `'${name}' of kernel '${of.name}' touches ${bytes} bytes; '${tensor.name}' has ${tensor.size}`,
          {
            tensors: tensors.slice(at, at + 1),
            kernels: [kernel],
            dispatches: [[program, dispatch]],
          },
        );
      });
    });
  },
};

const hashes: Rule = {
  name: "kernel hashes",
  about: "every kernel's hash is that of its text and its workgroups",
  check(plan, report) {
    plan.kernels.forEach(({ name, wgsl, workgroups, hash }, index) => {
      report.examine();
      const made = bytesToHex(sha256(utf8ToBytes(`${wgsl}// workgroups: ${workgroups.join(" ")}\n`)));
      if (made !== hash)
        report.refuse(`kernel '${name}' has the hash ${made} and the plan says ${hash}`, {
          kernels: [index],
        });
    });
  },
};

export const kernelRules: readonly Rule[] = [text, limits, features, binding, hashes];
