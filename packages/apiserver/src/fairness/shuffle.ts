/** Shuffle sharding: each flow has a hand of queues, so that two flows seldom share all of theirs. */

/** A hash of a flow; the same on every apiserver. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return mixed(hash);
}

/** The final mix of a good 32-bit hash: every bit of the input counts for every bit of the result. */
function mixed(hash: number): number {
  let bits = hash;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Deals a hand of different queues. `handSize` is at most `queues`. */
export function deal(hash: number, queues: number, handSize: number): number[] {
  const hand: number[] = [];
  let bits = hash;
  for (let card = 0; card < handSize; card += 1) {
    bits = mixed((bits + 0x9e3779b9) >>> 0);
    let index = bits % (queues - card);
    // The index counts the queues that are not in the hand yet.
    for (const taken of [...hand].sort((a, b) => a - b)) if (index >= taken) index += 1;
    hand.push(index);
  }
  return hand;
}
