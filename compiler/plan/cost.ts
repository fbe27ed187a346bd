// What a kernel is predicted to cost, as everything that chooses by time counts it. In: a kernel and the device's profile. Out: bytes that
// could be moved meanwhile; launching and computing are converted. An estimate for comparing, not a time.
import { bytesPerFlop, LAUNCH } from "../kernels/analyze.ts";
import { busyGroups } from "../kernels/draft.ts";
import type { DeviceProfile, PlanKernel } from "./plan.ts";

export function costOfKernel(
  { workgroups, bytes, flops }: Pick<PlanKernel, "workgroups" | "bytes" | "flops">,
  profile: DeviceProfile,
): number {
  // A kernel that cannot fill the device is slower, down to what one workgroup can do.
  const groups = workgroups[0] * workgroups[1] * workgroups[2];
  const idle = Math.max(1, busyGroups(profile) / groups);
  return LAUNCH + (bytes + bytesPerFlop(profile) * flops) * idle;
}
