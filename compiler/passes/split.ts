// placeholder
import type { Region } from "../ir/graph.ts";
import type { DeviceProfile } from "../plan/plan.ts";

export function split(region: Region, _profile: DeviceProfile): Region {
  return region;
}
