/** `https://host:port` as `host:port`. @throws TypeError for anything that is not a URL */
export function targetOf(url: string): { target: string; secure: boolean } {
  const parsed = new URL(url);
  const port = parsed.port || (parsed.protocol === 'https:' ? '443' : '80');
  return { target: `${parsed.hostname}:${port}`, secure: parsed.protocol === 'https:' };
}
