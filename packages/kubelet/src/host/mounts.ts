/** Mount points below a folder, deepest first. */
export function mountsBelow(dir: string, mountinfo: string): string[] {
  const points = mountinfo.split('\n').map((line) => line.split(' ')[4] ?? '');
  const decode = (text: string): string =>
    text.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
  const inside = points.map(decode).filter((point) => point.startsWith(`${dir}/`));
  return inside.sort((a, b) => b.length - a.length);
}
