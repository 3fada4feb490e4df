/** Names and addresses as DNS spells them. Names here are lower case and have no dot at the end. */

/** `Web.Default.SVC.` → `web.default.svc`. */
export function normalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** The labels of `name` before `zone`, or `undefined` when it lies outside. Both in normal form. */
export function labelsBelow(name: string, zone: string): string[] | undefined {
  if (name === zone) return [];
  if (!name.endsWith(`.${zone}`)) return undefined;
  return name.slice(0, -zone.length - 1).split('.');
}

/** `10.1.2.3` → `10-1-2-3`; `fd00::1` → `fd00--1`: the label of an address without a host name. */
export function dashed(ip: string): string {
  return ip.replaceAll('.', '-').replaceAll(':', '-');
}

/** Inverse of {@link dashed} for IPv4; `undefined` for anything else. */
export function undashedIPv4(label: string): string | undefined {
  const ip = label.replaceAll('-', '.');
  return isIPv4(ip) ? ip : undefined;
}

export function isIPv4(text: string): boolean {
  const octets = text.split('.');
  return (
    octets.length === 4 && octets.every((o) => /^(0|[1-9]\d{0,2})$/.test(o) && Number(o) < 256)
  );
}

/** The address asked for by `3.2.1.10.in-addr.arpa` or its IPv6 form; `undefined` for other names. */
export function reverseAddress(name: string): string | undefined {
  const v4 = labelsBelow(name, 'in-addr.arpa');
  if (v4?.length === 4) {
    const ip = v4.reverse().join('.');
    return isIPv4(ip) ? ip : undefined;
  }
  const v6 = labelsBelow(name, 'ip6.arpa');
  if (v6?.length !== 32 || !v6.every((nibble) => /^[0-9a-f]$/.test(nibble))) return undefined;
  const groups = v6.reverse().join('').match(/.{4}/g) ?? [];
  return canonicalIPv6(groups.join(':'));
}

/** One spelling per address: IPv6 with its longest run of zeros shortened, IPv4 as it is. */
export function canonicalIp(ip: string): string {
  return ip.includes(':') ? canonicalIPv6(ip) : ip;
}

function canonicalIPv6(ip: string): string {
  try {
    return new URL(`http://[${ip}]/`).hostname.slice(1, -1);
  } catch {
    // Not an address: nothing will match it, which is the right outcome.
    return ip;
  }
}
