/** The words of the commands for clusters of several hosts. */
import { ConfigError, parseDurationMs } from '@kubets/platform';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { backup, recover, restore } from './commands/host/backup.ts';
import { certsRotate, certsStatus, certsUpload, upgrade } from './commands/host/certs.ts';
import {
  type ComposeOptions,
  composePrepare,
  composePublish,
  type PublishOptions,
} from './commands/host/compose.ts';
import { init, initDefaults } from './commands/host/init.ts';
import { join } from './commands/host/join.ts';
import { awaitJoinFile, joinAndRun } from './commands/host/join-and-run.ts';
import { reset } from './commands/host/reset.ts';
import { run } from './commands/host/run.ts';
import { tokenCreate, tokenDelete, tokenList } from './commands/host/token.ts';
import type { Io } from './commands/io.ts';
import { POD_NETWORKS, type PodNetwork } from './host/settings.ts';
import { limits } from './limits.ts';
import type { Runtime } from './plan/settings.ts';

const HOST_DATA_DIR = '/var/lib/kubets';

/** What the commands need of the process itself. */
export interface HostCliParts {
  readonly io: Io;
  readonly fail: () => void;
  readonly onRoll: (listener: () => void) => void;
  readonly exchange: () => void;
}

interface DirFlag {
  readonly dataDir: string;
}

const dirOption = () =>
  new Option('--data-dir <dir>', 'where this host keeps everything')
    .default(HOST_DATA_DIR)
    .env('KUBETS_DATA_DIR');

function durationMs(text: string): number {
  const ms = text === '0' ? 0 : parseDurationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as 24h or 30m.');
  return ms;
}

const listOf = (text: string): string[] => text.split(',').filter((one) => one !== '');
const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

const runtimeOption = () =>
  new Option('--runtime <kind>', 'where containers run')
    .choices(['auto', 'containerd', 'simulated'])
    .default('auto');
const ttlOption = (text: string) =>
  new Option(text, 'life of the token; 0: for ever')
    .argParser(durationMs)
    .default(limits.tokenTtlMs, '24h');

const timeoutOption = () =>
  new Option('--timeout <duration>', 'wait this long until this host is ready')
    .argParser(durationMs)
    .default(limits.readyTimeoutMs, '2m');

interface InitFlags extends DirFlag {
  readonly timeout: number;
  readonly name?: string;
  readonly advertiseAddress?: string;
  readonly controlPlaneEndpoint?: string;
  readonly podNetwork: PodNetwork;
  readonly podNetworkCidr: string;
  readonly loadBalancerRanges?: string;
  readonly serviceCidr: string;
  readonly serviceDnsDomain: string;
  readonly apiserverCertExtraSans?: string[];
  readonly node?: true;
  readonly runtime: Runtime | 'auto';
  readonly install: boolean;
  readonly tokenTtl: number;
}

function addInit(program: Command, { io }: HostCliParts): void {
  program
    .command('init')
    .description('make this host the first master of a new cluster; prints how others join')
    .addOption(dirOption())
    .option('--name <name>', 'name of this host (default: its host name)')
    .option('--advertise-address <address>', 'address others reach this host at')
    .option(
      '--control-plane-endpoint <host:port>',
      'address of all masters together, such as a balancer’s (default: this host’s)',
    )
    .addOption(
      new Option(
        '--pod-network <kind>',
        'way to the pods of other nodes: between networks, or within one',
      )
        .choices(POD_NETWORKS)
        .default('vxlan'),
    )
    .option('--pod-network-cidr <range>', 'addresses of pods', initDefaults.podNetworkCidr)
    .option(
      '--load-balancer-ranges <ranges>',
      'addresses of the nodes’ network for Services of type LoadBalancer, RANGE,… (default: none)',
    )
    .option('--service-cidr <range>', 'addresses of Services', initDefaults.serviceCidr)
    .option('--service-dns-domain <domain>', 'the cluster’s domain', initDefaults.serviceDnsDomain)
    .option(
      '--apiserver-cert-extra-sans <names>',
      'more names of the API, NAME,…, on every master',
      listOf,
    )
    .option('--node', 'run pods on this host, too')
    .addOption(runtimeOption())
    .addOption(ttlOption('--token-ttl <duration>'))
    .option('--no-install', 'never install packages')
    .addOption(timeoutOption())
    .action((flags: InitFlags) =>
      init(
        {
          ...flags,
          node: flags.node === true,
          apiserverCertExtraSans: flags.apiserverCertExtraSans ?? [],
          mayInstall: flags.install,
          tokenTtlMs: flags.tokenTtl,
          timeoutMs: flags.timeout,
        },
        io,
      ),
    );
}

interface JoinFlags extends DirFlag {
  readonly timeout: number;
  readonly token?: string;
  readonly from?: string;
  readonly run?: true;
  readonly discoveryTokenCaCertHash?: string[];
  readonly discoveryTokenUnsafeSkipCaVerification?: true;
  readonly controlPlane?: true;
  readonly node?: true;
  readonly certificateKey?: string;
  readonly name?: string;
  readonly advertiseAddress?: string;
  readonly runtime: Runtime | 'auto';
  readonly install: boolean;
}

/** @throws ConfigError when it is not said where and with what */
async function joinOptions(endpoint: string | undefined, flags: JoinFlags, io: Io) {
  const facts = flags.from === undefined ? undefined : await awaitJoinFile(flags.from, io);
  const token = flags.token ?? facts?.token;
  const at = endpoint ?? facts?.endpoint;
  if (at === undefined) throw new ConfigError('say where the cluster is: kubets join HOST:PORT');
  if (token === undefined) throw new ConfigError('--token is needed');
  return {
    ...flags,
    endpoint: at,
    token,
    pins: flags.discoveryTokenCaCertHash ?? facts?.pins ?? [],
    skipPin: flags.discoveryTokenUnsafeSkipCaVerification === true,
    controlPlane: flags.controlPlane === true,
    node: flags.node === true,
    mayInstall: flags.install,
    timeoutMs: flags.timeout,
  };
}

function addJoin(program: Command, { io, onRoll, exchange }: HostCliParts): void {
  program
    .command('join [host:port]')
    .description('make this host a master or a node of a cluster there is')
    .addOption(dirOption())
    .option('--from <file>', 'take address, token and hash from a file')
    .option('--run', 'stay in the foreground and run this host; joins only if it has not')
    .option('--token <token>', 'from "kubets init" or "kubets token create"')
    .option(
      '--discovery-token-ca-cert-hash <hash>',
      'sha256:… of the authority’s key; may be given several times',
      collect,
    )
    .option(
      '--discovery-token-unsafe-skip-ca-verification',
      'believe whoever answers at that address and knows the token',
    )
    .option('--control-plane', 'as a master')
    .option('--certificate-key <key>', 'for masters: from "kubets init" or "kubets certs upload"')
    .option('--node', 'as a node; the default without --control-plane, besides with it')
    .option('--name <name>', 'name of this host (default: its host name)')
    .option('--advertise-address <address>', 'address others reach this host at')
    .addOption(runtimeOption())
    .option('--no-install', 'never install packages')
    .addOption(timeoutOption())
    .action(async (endpoint: string | undefined, flags: JoinFlags) => {
      const options = () => joinOptions(endpoint, flags, io);
      if (flags.run !== true) return join(await options(), io);
      const { dataDir, from } = flags;
      return joinAndRun({ run: { onRoll, exchange }, join: options, from, dataDir }, io);
    });
}

function addRun(program: Command, { io, onRoll, exchange }: HostCliParts): void {
  program
    .command('run')
    .description('run this host’s part of its cluster in the foreground (systemd and compose do)')
    .addOption(dirOption())
    .option('--wait', 'wait for "kubets init" or "kubets join" if there is nothing to run yet')
    .action((flags: DirFlag & { wait?: true }) =>
      run({ dataDir: flags.dataDir, wait: flags.wait === true, onRoll, exchange }, io),
    );
  program
    .command('reset')
    .description('take this host out of its cluster and remove everything kubets made on it')
    .addOption(dirOption())
    .option('--local', 'do not tell the rest of the cluster')
    .action((flags: DirFlag & { local?: true }) =>
      reset({ dataDir: flags.dataDir, local: flags.local === true }, io),
    );
  program
    .command('upgrade')
    .description('start this host’s supervisor and processes from the installed release')
    .addOption(dirOption())
    .action((flags: DirFlag) => upgrade(flags.dataDir, io));
}

interface RestoreFlags extends DirFlag {
  readonly advertiseAddress?: string;
  readonly controlPlaneEndpoint?: string;
}

function addRescue(program: Command, { io }: HostCliParts): void {
  program
    .command('backup <file>')
    .description('on a master: write the store, the authorities and the settings into a file')
    .addOption(dirOption())
    .action((file: string, flags: DirFlag) => backup(flags.dataDir, file, io));
  program
    .command('restore <file>')
    .description(
      'on a host that is part of no cluster: make the cluster in a backup anew, with this one master',
    )
    .addOption(dirOption())
    .option(
      '--advertise-address <address>',
      'address others reach this host at (default: that of the backup’s master if it is here, else this host’s)',
    )
    .option(
      '--control-plane-endpoint <host:port>',
      'address of all masters together (default: as before; what was the master’s own goes with it)',
    )
    .action((file: string, flags: RestoreFlags) => restore({ ...flags, file }, io));
  program
    .command('recover')
    .description('on the last master: go on alone when the majority is lost for good')
    .addOption(dirOption())
    .option('--others-are-lost', 'the other masters never come back')
    .action((flags: DirFlag & { othersAreLost?: true }) =>
      recover(flags.dataDir, flags.othersAreLost === true, io),
    );
}

function addTokens(program: Command, { io }: HostCliParts): void {
  const token = program.command('token').description('tokens hosts join with');
  token
    .command('create')
    .description('make one')
    .addOption(dirOption())
    .addOption(ttlOption('--ttl <duration>'))
    .option('--description <text>', 'what it is for', '')
    .option('--print-join-command', 'print the whole command for a new node')
    .action((flags: DirFlag & { ttl: number; description: string; printJoinCommand?: true }) =>
      tokenCreate(
        { ...flags, ttlMs: flags.ttl, printJoinCommand: flags.printJoinCommand === true },
        io,
      ),
    );
  token
    .command('list')
    .description('show them')
    .addOption(dirOption())
    .action((flags: DirFlag) => tokenList(flags.dataDir, io));
  token
    .command('delete <token>')
    .description('make one void, by itself or its first six characters')
    .addOption(dirOption())
    .action((text: string, flags: DirFlag) => tokenDelete(flags.dataDir, text, io));
}

function addCerts(program: Command, { io, fail }: HostCliParts): void {
  const certs = program.command('certs').description('certificates of this host');
  certs
    .command('status')
    .description('show how long they last; exit code 1 when one is over')
    .addOption(dirOption())
    .action((flags: DirFlag) => {
      if (!certsStatus(flags.dataDir, io)) fail();
    });
  certs
    .command('rotate')
    .description('make them anew and start the processes again, one at a time')
    .addOption(dirOption())
    .action((flags: DirFlag) => certsRotate(flags.dataDir, io));
  certs
    .command('upload')
    .description('let another master join: prints its --certificate-key')
    .addOption(dirOption())
    .action((flags: DirFlag) => certsUpload(flags.dataDir, io));
}

function addCompose(program: Command, { io }: HostCliParts): void {
  const compose = program
    .command('compose')
    .description('a cluster whose every process is a container of its own (deploy/compose.yaml)');
  const shared = (command: Command): Command =>
    command
      .requiredOption('--dir <dir>', 'the folder the containers share')
      .requiredOption('--endpoint <host:port>', 'the one door, as containers see it')
      .option('--names <names>', 'containers that serve, NAME,…', listOf, [])
      .option('--server <host:port>', 'the one door, as this machine sees it', '127.0.0.1:6443');
  shared(compose.command('prepare'))
    .option(
      '--load-balancer-ranges <ranges>',
      'addresses for Services of type LoadBalancer, RANGE,…; none; auto: the upper end of the containers’ network',
      'auto',
    )
    .description('make certificates, a token and a kubeconfig where they are missing')
    .action((options: ComposeOptions) => composePrepare(options, io));
  shared(compose.command('publish'))
    .description('wait for the API and let nodes in')
    .action((options: PublishOptions) => composePublish(options, io));
}

export function addHostCommands(program: Command, parts: HostCliParts): void {
  addInit(program, parts);
  addJoin(program, parts);
  addRun(program, parts);
  addRescue(program, parts);
  addTokens(program, parts);
  addCerts(program, parts);
  addCompose(program, parts);
}
