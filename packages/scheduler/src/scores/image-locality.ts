/** Scores by images that are there already: the more bytes need not be fetched, the better. */
import { imagesOf } from '../core/image-index.ts';
import { MAX_NODE_SCORE } from '../limits.ts';
import type { ScorePlugin } from '../ports.ts';

const MIB = 1024 * 1024;
/** Below, it does not matter; above, for each container, nothing is gained any more. */
const MIN_BYTES = 23 * MIB;
const MAX_BYTES_PER_CONTAINER = 1000 * MIB;

export const imageLocality: ScorePlugin = {
  name: 'ImageLocality',
  weight: 1,
  score(pod, { images, nodeCount }, slots, scores) {
    if (images.isEmpty) return false;
    const wanted = imagesOf(pod.pod);
    const known = wanted.flatMap((image) => images.nodesWith(image) ?? []);
    if (known.length === 0) return false;
    const top = MAX_BYTES_PER_CONTAINER * wanted.length;
    for (const [at, slot] of slots.entries()) {
      let bytes = 0;
      for (const nodes of known) {
        // What few nodes have counts little, or all pods would go to those few.
        const share = nodes.size / nodeCount;
        bytes += Math.floor((nodes.get(slot) ?? 0) * share);
      }
      const counted = Math.min(Math.max(bytes, MIN_BYTES), top);
      scores[at] = Math.floor((MAX_NODE_SCORE * (counted - MIN_BYTES)) / (top - MIN_BYTES));
    }
    return true;
  },
};
