/**
 * The pause program, written as machine code: a process that holds a pod's namespaces open. It blocks SIGINT, SIGTERM and SIGCHLD,
 * waits for one of them, leaves on the first two and reaps children on the third (with a shared PID namespace it is their init).
 * No libc, no files, a few hundred bytes; carried as source so that sandboxes need no registry.
 */

export type PauseArch = 'amd64' | 'arm64';

const LOAD_ADDRESS = 0x40_0000;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const CODE_OFFSET = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
const MACHINE: Readonly<Record<PauseArch, number>> = { amd64: 62, arm64: 183 };

const SIGINT = 2;
const SIGTERM = 15;
const SIGCHLD = 17;
const WNOHANG = 1;
const SIGSET_BYTES = 8;

/** The kernel's signal set: bit N-1 stands for signal N. */
function signalMask(): Buffer {
  const mask = Buffer.alloc(SIGSET_BYTES);
  const bit = (signal: number): bigint => 1n << BigInt(signal - 1);
  mask.writeBigUInt64LE(bit(SIGINT) | bit(SIGTERM) | bit(SIGCHLD));
  return mask;
}

type Piece =
  | { readonly label: string }
  | { readonly bytes: readonly number[] }
  /** An instruction that holds a distance, of a size known before the distance is. */
  | {
      readonly to: string;
      readonly size: number;
      readonly encode: (distance: number) => readonly number[];
    };

/** Two passes: place the labels, then fill in the distances (counted from the instruction's own address). */
function assemble(pieces: readonly Piece[], tail: Buffer): Buffer {
  const labels = new Map<string, number>();
  let at = 0;
  for (const piece of pieces) {
    if ('label' in piece) labels.set(piece.label, at);
    else at += 'bytes' in piece ? piece.bytes.length : piece.size;
  }
  labels.set('mask', at);
  const out: number[] = [];
  for (const piece of pieces) {
    if ('label' in piece) continue;
    if ('bytes' in piece) out.push(...piece.bytes);
    else out.push(...piece.encode((labels.get(piece.to) ?? 0) - out.length));
  }
  return Buffer.concat([Buffer.from(out), tail]);
}

const label = (name: string): Piece => ({ label: name });
const bytes = (...list: number[]): Piece => ({ bytes: list });

/** A jump with an 8-bit distance, counted from the next instruction. */
const jump8 = (opcode: number, to: string): Piece => ({
  to,
  size: 2,
  encode: (distance) => [opcode, (distance - 2) & 0xff],
});

/** `lea reg, [rip + distance]`. */
const leaRip = (modrm: number, to: string): Piece => ({
  to,
  size: 7,
  encode(distance) {
    const word = Buffer.alloc(4);
    word.writeInt32LE(distance - 7);
    return [0x48, 0x8d, modrm, ...word];
  },
});

// System call: number in rax, arguments in rdi, rsi, rdx, r10.
const AMD64: readonly Piece[] = [
  leaRip(0x35, 'mask'), // rsi = &mask
  bytes(0x31, 0xff), // edi = SIG_BLOCK
  bytes(0x31, 0xd2), // edx = no old set
  bytes(0x6a, SIGSET_BYTES, 0x41, 0x5a), // r10 = size of the set
  bytes(0x6a, 14, 0x58), // rax = rt_sigprocmask
  bytes(0x0f, 0x05),
  label('wait'),
  leaRip(0x3d, 'mask'), // rdi = &mask
  bytes(0x31, 0xf6), // esi = no siginfo
  bytes(0x31, 0xd2), // edx = no timeout
  bytes(0x6a, SIGSET_BYTES, 0x41, 0x5a),
  bytes(0xb8, 128, 0, 0, 0), // eax = rt_sigtimedwait
  bytes(0x0f, 0x05),
  bytes(0x83, 0xf8, SIGCHLD), // cmp eax, SIGCHLD
  jump8(0x74, 'reap'), // je
  bytes(0x85, 0xc0), // test eax, eax
  jump8(0x78, 'wait'), // js: interrupted
  bytes(0x31, 0xff), // edi = 0
  bytes(0x6a, 60, 0x58), // rax = exit
  bytes(0x0f, 0x05),
  label('reap'),
  bytes(0x6a, 0xff, 0x5f), // rdi = -1: any child
  bytes(0x31, 0xf6), // esi = no status
  bytes(0x6a, WNOHANG, 0x5a), // rdx
  bytes(0x45, 0x31, 0xd2), // r10d = no usage
  bytes(0x6a, 61, 0x58), // rax = wait4
  bytes(0x0f, 0x05),
  bytes(0x85, 0xc0),
  jump8(0x7f, 'reap'), // jg: there may be more
  jump8(0xeb, 'wait'),
];

function word32(value: number): number[] {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0);
  return [...out];
}

const movz = (register: number, value: number): Piece =>
  bytes(...word32(0xd280_0000 | (value << 5) | register));
const svc = (): Piece => bytes(...word32(0xd400_0001));
const cmpW0 = (value: number): Piece => bytes(...word32(0x7100_001f | (value << 10)));
const branch = (base: number, shift: number, mask: number, to: string): Piece => ({
  to,
  size: 4,
  encode: (distance) => word32(base | (((distance >> 2) & mask) << shift)),
});
const adr = (register: number, to: string): Piece => ({
  to,
  size: 4,
  encode: (distance) =>
    word32(0x1000_0000 | ((distance & 3) << 29) | (((distance >> 2) & 0x7_ffff) << 5) | register),
});
const COND_EQ = 0;
const COND_GT = 12;
const bCond = (condition: number, to: string): Piece =>
  branch(0x5400_0000 | condition, 5, 0x7_ffff, to);

// System call: number in x8, arguments in x0 to x3.
const ARM64: readonly Piece[] = [
  movz(0, 0),
  adr(1, 'mask'),
  movz(2, 0),
  movz(3, SIGSET_BYTES),
  movz(8, 135), // rt_sigprocmask
  svc(),
  label('wait'),
  adr(0, 'mask'),
  movz(1, 0),
  movz(2, 0),
  movz(3, SIGSET_BYTES),
  movz(8, 137), // rt_sigtimedwait
  svc(),
  cmpW0(SIGCHLD),
  bCond(COND_EQ, 'reap'),
  branch(0x37f8_0000, 5, 0x3fff, 'wait'), // tbnz w0, #31: interrupted
  movz(0, 0),
  movz(8, 93), // exit
  svc(),
  label('reap'),
  bytes(...word32(0x9280_0000)), // movn x0, #0: any child
  movz(1, 0),
  movz(2, WNOHANG),
  movz(3, 0),
  movz(8, 260), // wait4
  svc(),
  cmpW0(0),
  bCond(COND_GT, 'reap'),
  branch(0x1400_0000, 0, 0x3ff_ffff, 'wait'),
];

function elfHeader(arch: PauseArch): Buffer {
  const head = Buffer.alloc(ELF_HEADER_BYTES);
  head.write('\x7fELF', 0, 'latin1');
  head.set([2, 1, 1], 4); // 64 bit, little endian, version 1
  head.writeUInt16LE(2, 16); // executable
  head.writeUInt16LE(MACHINE[arch], 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(LOAD_ADDRESS + CODE_OFFSET), 24); // entry
  head.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32); // program headers follow
  head.writeUInt16LE(ELF_HEADER_BYTES, 52);
  head.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  head.writeUInt16LE(1, 56); // one of them
  return head;
}

/** One segment: the whole file, readable and executable. */
function programHeader(fileBytes: number): Buffer {
  const head = Buffer.alloc(PROGRAM_HEADER_BYTES);
  head.writeUInt32LE(1, 0); // load
  head.writeUInt32LE(5, 4); // read, execute
  head.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 16);
  head.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 24);
  head.writeBigUInt64LE(BigInt(fileBytes), 32);
  head.writeBigUInt64LE(BigInt(fileBytes), 40);
  head.writeBigUInt64LE(0x1_0000n, 48); // alignment that suits every page size
  return head;
}

/** The complete program file for an architecture. */
export function pauseElf(arch: PauseArch): Buffer {
  const code = assemble(arch === 'amd64' ? AMD64 : ARM64, signalMask());
  const size = CODE_OFFSET + code.length;
  return Buffer.concat([elfHeader(arch), programHeader(size), code]);
}
