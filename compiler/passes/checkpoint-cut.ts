// The cheapest way to have values a second time: which are saved and which are computed again, by a minimum cut
// (Chen et al., 2016, posed the question; the cut is the answer that PyTorch's partitioner gives, Zheng et al., 2022).
//
// Ensures: what is needed is saved, or computed again from what is; no other choice costs less, counting what saving costs and what
// computing again does; among equals it is the one in which least is computed again. The same graph always gives the same cut.

export interface Vertex {
  /** What saving it costs; Infinity if it cannot be saved. */
  readonly cost: number;
  /** The vertices it is computed from. */
  readonly from: readonly number[];
  /**
   * What computing it again costs, in the same unit. Infinity: it must be saved, or not be needed because what is computed from it
   * is saved.
   */
  readonly again: number;
  readonly needed: boolean;
}

interface Edge {
  readonly to: number;
  room: number;
  readonly back: number;
}

export interface Cut {
  readonly saved: ReadonlySet<number>;
  /** What is computed again. */
  readonly again: ReadonlySet<number>;
}

/** There must be a way: no chain of unsavable vertices may lead to a need from one that may not be computed again. */
export function cheapestCut(vertices: readonly Vertex[]): Cut {
  const [start, end] = [2 * vertices.length, 2 * vertices.length + 1];
  const edges: Edge[][] = Array.from({ length: end + 1 }, () => []);
  const connect = (from: number, to: number, room: number): void => {
    const [there, back] = [edges[from], edges[to]];
    if (there === undefined || back === undefined) throw new RangeError(`no vertex ${from} or ${to}`);
    there.push({ to, room, back: back.length });
    back.push({ to: from, room: 0, back: there.length - 1 });
  };
  // Vertex i is cut on the edge from 2i, where what it is computed from arrives, to 2i + 1, where those computed from it start.
  vertices.forEach(({ cost, from, again, needed }, index) => {
    connect(2 * index, 2 * index + 1, cost);
    for (const other of from) connect(2 * other + 1, 2 * index, Infinity);
    if (again > 0) connect(start, 2 * index, again);
    if (needed) connect(2 * index + 1, end, Infinity);
  });

  for (
    let path = shortestPath(edges, start, end);
    path !== undefined;
    path = shortestPath(edges, start, end)
  ) {
    const room = Math.min(...path.map((edge) => edge.room));
    if (room === Infinity) throw new Error("a value is needed that may neither be saved nor computed again");
    for (const edge of path) {
      edge.room -= room;
      const back = edges[edge.to]?.[edge.back];
      if (back !== undefined) back.room += room;
    }
  }
  const late = reaching(edges, end);
  const all = [...vertices.keys()];
  return {
    saved: new Set(all.filter((index) => !late.has(2 * index) && late.has(2 * index + 1))),
    again: new Set(all.filter((index) => late.has(2 * index))),
  };
}

/** The edges of a shortest way with room left, by breadth-first search. */
function shortestPath(edges: readonly Edge[][], start: number, end: number): Edge[] | undefined {
  const via = new Map<number, { readonly from: number; readonly edge: Edge }>();
  const queue = [start];
  for (const vertex of queue) {
    for (const edge of edges[vertex] ?? []) {
      if (edge.room === 0 || edge.to === start || via.has(edge.to)) continue;
      via.set(edge.to, { from: vertex, edge });
      if (edge.to === end) return pathTo(via, end);
      queue.push(edge.to);
    }
  }
  return undefined;
}

function pathTo(
  via: ReadonlyMap<number, { readonly from: number; readonly edge: Edge }>,
  end: number,
): Edge[] {
  const path: Edge[] = [];
  for (let step = via.get(end); step !== undefined; step = via.get(step.from)) path.push(step.edge);
  return path;
}

/** The vertices from which there is still room to the end. */
function reaching(edges: readonly Edge[][], end: number): ReadonlySet<number> {
  const reached = new Set([end]);
  for (const vertex of reached) {
    for (const { to, back } of edges[vertex] ?? []) {
      const forward = edges[to]?.[back];
      if (forward !== undefined && forward.room > 0) reached.add(to);
    }
  }
  return reached;
}
