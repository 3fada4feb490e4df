/** `--runtime-config`: which versions and resources a server has. */
import { apiVersionOf, builtinKinds, type KindDef, optionalKinds, rankOf } from '@kubets/api';
import { ConfigError } from '@kubets/platform';

/** `api/all` and the like: what they mean of a version. */
const WIDE: Readonly<Record<string, (version: string) => boolean>> = {
  'api/all': () => true,
  'api/ga': (version) => /^v\d+$/.test(version),
  'api/beta': (version) => version.includes('beta'),
  'api/alpha': (version) => version.includes('alpha'),
};

interface Setting {
  readonly name: string;
  readonly isOn: boolean;
}

function settingOf(text: string): Setting {
  const [name = '', value = ''] = text.split('=', 2);
  if (value === '' || value === 'true') return { name, isOn: true };
  if (value === 'false') return { name, isOn: false };
  throw new ConfigError(`--runtime-config: ${name} must be true or false, not "${value}"`);
}

/**
 * The kinds a server has, in the stock server's order. More exact settings win over wider ones, whatever their order:
 * `GROUP/VERSION/RESOURCE` over `GROUP/VERSION` over `api/ga`, `api/beta`, `api/alpha` over `api/all`.
 * @param texts the flag's items: `NAME=true`, `NAME=false` or `NAME`
 * @throws ConfigError for a version or a resource that does not exist
 */
export function kindsFor(texts: readonly string[]): KindDef[] {
  const stable = builtinKinds.all();
  if (texts.length === 0) return stable;
  const all = [...stable, ...optionalKinds()];
  const settings = new Map(texts.map(settingOf).map(({ name, isOn }) => [name, isOn]));
  for (const name of settings.keys()) checkName(name, all);
  const isOn = (def: KindDef): boolean => {
    const { version, resource } = def;
    const gv = def.group === '' ? `api/${version}` : apiVersionOf(def);
    const wide = ['api/ga', 'api/beta', 'api/alpha'].find((one) => WIDE[one]?.(version));
    return (
      settings.get(`${gv}/${resource}`) ??
      settings.get(gv) ??
      settings.get(wide ?? '') ??
      settings.get('api/all') ??
      stable.includes(def)
    );
  };
  return all.filter(isOn).sort((a, b) => rankOf(a) - rankOf(b));
}

function checkName(name: string, all: readonly KindDef[]): void {
  if (WIDE[name] !== undefined) return;
  const isKnown = all.some((def) => {
    const gv = def.group === '' ? `api/${def.version}` : apiVersionOf(def);
    return name === gv || name === `${gv}/${def.resource}`;
  });
  if (isKnown) return;
  throw new ConfigError(`--runtime-config: unknown API "${name}"; want GROUP/VERSION[/RESOURCE]`);
}
