/** The controller-manager process: flags, election, and the controllers while it leads. */
import { runMain } from '@kubets/platform';
import { controllerOptions, flags } from './config.ts';
import { allControllers } from './controllers.ts';
import { runControllers } from './runtime/lead.ts';

await runMain({
  name: 'controller-manager',
  summary: 'drives the cluster towards its declared state',
  flags,
  start(ctx, config) {
    const options = controllerOptions(config);
    runControllers(ctx, config, {
      userAgent: 'kubets-controller-manager',
      leaseName: 'kube-controller-manager',
      controllers: (deps) => allControllers(deps, options),
    });
  },
});
