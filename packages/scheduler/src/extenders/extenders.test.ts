/** Scheduling with extenders, which are asked through a channel of the test's. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { readConfiguration } from '../config/configuration.ts';
import { testNode } from '../testing/builders.ts';
import { World } from '../testing/world.ts';
import { Extender } from './extender.ts';

const HEAD = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };

type Body = Readonly<Record<string, unknown>>;
type Answers = Readonly<Record<string, (body: Body) => unknown>>;

/** Every verb that is answered is asked for. */
function extender(answers: Answers, fields: object = {}): Extender {
  const verb = (name: string) => ({ [`${name}Verb`]: answers[name] ? name : '' });
  const said = {
    ...{ urlPrefix: 'http://extender', weight: 1 },
    ...Object.assign({}, ...['filter', 'prioritize', 'preempt', 'bind'].map(verb)),
    ...fields,
  };
  const [config] = readConfiguration({ ...HEAD, extenders: [said] }).extenders;
  assert.ok(config);
  return new Extender(config, {
    post: async (name, body) => answers[name]?.(JSON.parse(JSON.stringify(body)) as Body),
  });
}

const nodesIn = ({ Nodes }: Body): string[] =>
  (Nodes as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name);

/** Keeps some nodes, and says of the others what the test says. */
const keeping =
  (names: readonly string[], failed: object = {}) =>
  (body: Body): object => {
    const nodes = nodesIn(body).filter((name) => names.includes(name));
    return { nodes: { items: nodes.map((name) => ({ metadata: { name } })) }, ...failed };
  };

const fails = (): never => {
  throw new Error('out of order');
};

async function worldOf(extenders: readonly Extender[], ...nodes: string[]): Promise<World> {
  const world = await new World(undefined, extenders).start();
  await world.node(...nodes.map((name) => testNode(name, { cpu: '2' })));
  return world;
}

describe('extenders', () => {
  it('leave nodes one after the other, and rank what is left', async () => {
    const asked: string[][] = [];
    const first = extender({
      filter: (body) => {
        asked.push(nodesIn(body).sort());
        return keeping(['b', 'c'])(body);
      },
    });
    const second = extender({
      filter: (body) => {
        asked.push(nodesIn(body).sort());
        return keeping(['a', 'b', 'c'])(body);
      },
      prioritize: (body) =>
        nodesIn(body).map((host) => ({ Host: host, Score: host === 'c' ? 9 : 1 })),
    });
    const world = await worldOf([first, second], 'a', 'b', 'c');
    await world.pod('p');
    assert.equal(await world.nodeOf('p'), 'c');
    assert.deepEqual(asked, [
      ['a', 'b', 'c'],
      ['b', 'c'],
    ]);
  });

  it('that know nodes themselves are told names', async () => {
    let seen: Body = {};
    const filter = (body: Body): object => {
      seen = body;
      return { NodeNames: ['a'] };
    };
    const world = await worldOf([extender({ filter }, { nodeCacheCapable: true })], 'a', 'b');
    await world.pod('p');
    assert.equal(await world.nodeOf('p'), 'a');
    assert.deepEqual(seen.Nodes, null);
    assert.deepEqual([...(seen.NodeNames as string[])].sort(), ['a', 'b']);
    assert.equal((seen.Pod as Pod).metadata.name, 'p');
  });

  it('say why no node will do, and are asked again when something happens', async () => {
    let open = false;
    const no = {
      FailedNodes: { a: 'too far', b: 'x' },
      FailedAndUnresolvableNodes: { b: 'broken' },
    };
    const filter = (body: Body): object => keeping(open ? ['b'] : [], open ? {} : no)(body);
    const world = await worldOf([extender({ filter })], 'a', 'b');
    await world.pod('p');
    const message =
      '0/2 nodes are available: 1 broken, 1 too far. preemption: 0/2 nodes are available: ' +
      '1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.';
    assert.deepEqual(world.events('p'), [`Warning FailedScheduling ${message}`]);
    open = true;
    await world.node(testNode('other', { unschedulable: true }));
    await world.pass(1_500);
    assert.equal(await world.nodeOf('p'), 'b');
  });

  it('are not asked about pods without their resources', async () => {
    const managedResources = [{ name: 'example.com/foo', ignoredByScheduler: true }];
    const world = await worldOf([extender({ filter: fails }, { managedResources })], 'a');
    await world.pod('plain');
    assert.equal(await world.nodeOf('plain'), 'a');
    await world.pod('special', { requests: { 'example.com/foo': '1' } });
    assert.equal(await world.nodeOf('special'), undefined);
  });

  it('that fail put the pod off', async () => {
    let broken = true;
    const filter = (body: Body): unknown => (broken ? { Error: 'not now' } : keeping(['a'])(body));
    const world = await worldOf([extender({ filter })], 'a');
    await world.pod('p');
    assert.deepEqual(world.events('p'), ['Warning FailedScheduling not now']);
    await world.pass(250);
    const [condition] = (await world.pods.get('default', 'p')).status?.conditions ?? [];
    assert.deepEqual([condition?.reason, condition?.message], ['SchedulerError', 'not now']);
    broken = false;
    await world.pass(1_500);
    assert.equal(await world.nodeOf('p'), 'a');
  });

  it('that claim nodes they were not asked about fail', async () => {
    const filter = (): object => ({ Nodes: { items: [{ metadata: { name: 'z' } }] } });
    const world = await worldOf([extender({ filter })], 'a');
    await world.pod('p');
    assert.match(world.events('p')[0] ?? '', /claims a filtered node "z" which is not found/);
  });

  it('that may be ignored are, and whose ranking fails is', async () => {
    const ignorable = extender({ filter: fails, bind: fails }, { ignorable: true });
    const world = await worldOf([ignorable, extender({ prioritize: fails })], 'a', 'b');
    await world.pod('p');
    assert.ok(await world.nodeOf('p'));
  });

  it('bind the pods that concern them', async () => {
    const bodies: Body[] = [];
    const bind = (body: Body): object => {
      bodies.push(body);
      return body.PodName === 'bad' ? { Error: 'refused' } : {};
    };
    const world = await worldOf([extender({ bind })], 'a');
    await world.pod('p');
    const { uid } = (await world.pods.get('default', 'p')).metadata;
    assert.deepEqual(bodies, [{ PodName: 'p', PodNamespace: 'default', PodUID: uid, Node: 'a' }]);
    assert.equal(await world.nodeOf('p'), undefined, 'somebody else has to write it down');
    await world.pod('bad');
    assert.match(world.events('bad')[0] ?? '', /FailedScheduling binding rejected: refused$/);
  });

  const crowded = async (extenders: readonly Extender[]): Promise<World> => {
    const world = await new World(undefined, extenders).start();
    await world.node(testNode('a', { cpu: '2' }), testNode('b', { cpu: '2' }));
    await world.pod('low-1', { requests: { cpu: '2' }, spec: { priority: 1 } });
    await world.pod('low-2', { requests: { cpu: '2' }, spec: { priority: 2 } });
    await world.pod('high', { requests: { cpu: '2' }, spec: { priority: 9 } });
    return world;
  };
  const isGoing = async (world: World, name: string): Promise<boolean> =>
    (await world.pods.get('default', name)).metadata.deletionTimestamp !== undefined;

  it('have a say in who is to go', async () => {
    let seen: Body = {};
    const preempt = (body: Body): object => {
      seen = body;
      const all = Object.entries(body.NodeNameToVictims as Record<string, { Pods: Pod[] }>);
      const dear = all.filter(([, { Pods }]) => Pods[0]?.metadata.name === 'low-2');
      const shown = dear.map(([node, { Pods }]) => [
        node,
        { Pods: Pods.map(({ metadata }) => ({ UID: metadata.uid })), NumPDBViolations: 0 },
      ]);
      return { NodeNameToMetaVictims: Object.fromEntries(shown) };
    };
    const world = await crowded([extender({ preempt })]);
    await world.pass(500);
    assert.deepEqual(Object.keys(seen.NodeNameToVictims as object).sort(), ['a', 'b']);
    assert.deepEqual([await isGoing(world, 'low-1'), await isGoing(world, 'low-2')], [false, true]);
  });

  it('may leave nobody to go, or name pods that are not there', async () => {
    const none = extender({ preempt: () => ({ NodeNameToMetaVictims: {} }) });
    const world = await crowded([none]);
    assert.match(world.events('high')[0] ?? '', /preemption: no candidate node for preemption$/);
    const preempt = (): object => ({ NodeNameToMetaVictims: { a: { Pods: [{ UID: 'x' }] } } });
    const other = await crowded([extender({ preempt }, { nodeCacheCapable: true })]);
    assert.match(
      other.events('high')[0] ?? '',
      /claims to preempt pod \(UID: x\) on node: a, but the pod is not found on that node$/,
    );
    for (const one of [world, other]) assert.equal(await isGoing(one, 'low-1'), false);
  });
});
