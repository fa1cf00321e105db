import { ProtocolError, type Adapter, type Session, type SessionRequest } from '../fuse/adapter.js';
import { nativeFlags, type MountFlags } from '../options/settings.js';
import { errorLine } from './error.js';

/** `auto`: kernel, and fuse-native where this kernel's protocol is not known to it. */
export type AdapterName = 'auto' | 'kernel' | 'fuse-native';

/** Loads only the adapter that is asked for. */
export async function loadAdapter(name: AdapterName): Promise<Adapter> {
  if (name === 'kernel') return kernel();
  if (name === 'fuse-native') return native();
  return new FirstThatCan(await kernel(), native);
}

/** Lines to be said of options that the adapter has no use for. */
export function adapterWarnings(name: AdapterName, flags: MountFlags): string[] {
  if (name === 'fuse-native') return [];
  const given: string[] = [
    ...(flags.ownNewFiles ? [nativeFlags.ownNewFiles] : []),
    ...(flags.kernelCache ? [nativeFlags.kernelCache] : []),
    ...(['entryTimeout', 'attrTimeout', 'negativeTimeout'] as const).flatMap((flag) => flags[flag] < 0 ? [] : [nativeFlags[flag]]),
  ];
  return given.map((option) => `mount option ${option} has an effect with --adapter fuse-native only`);
}

async function kernel(): Promise<Adapter> {
  return (await import('../fuse/kernel/adapter.js')).kernelAdapter;
}

async function native(): Promise<Adapter> {
  return (await import('../fuse/native/adapter.js')).nativeAdapter;
}

/** An adapter, or another where the first cannot speak with this kernel. For one mount: it then has the other's name. */
export class FirstThatCan implements Adapter {
  name: Adapter['name'];

  constructor(private readonly first: Adapter, private readonly second: () => Promise<Adapter>) {
    this.name = first.name;
  }

  async start(request: SessionRequest): Promise<Session> {
    try {
      return await this.first.start(request);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const second = await this.second();
      request.onLog('warn', `falling back to the adapter ${second.name}: ${error.message}`);
      try {
        const session = await second.start(request);
        this.name = second.name;
        return session;
      } catch (failure) {
        throw new Error(`${error.message}; nor can the adapter ${second.name}: ${errorLine(failure)}`);
      }
    }
  }
}
