"""Adam that keeps the average of its steps, for trainings of three steps or of a million."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_vae")
class AveragedAdam(keras.optimizers.Adam):
    """Adam whose exponential moving average of the weights forgets its start.

    Keras's average begins at the weights of the first step and keeps momentum^t of them after t
    steps: of a run of 300 steps at 0.999 that is three quarters. Here the momentum of step t = 0,
    1, ... is min(ema_momentum, (1 + t) / (10 + t)), as in TensorFlow's `ExponentialMovingAverage`:
    the average is over about the last tenth of the steps until that is as long as what
    `ema_momentum` means, 9,000 steps for 0.999. The momentum follows from `iterations` alone, so a
    training that goes on from a checkpoint averages as one that was not interrupted.

    Args:
        learning_rate: as in Adam.
        ema_momentum: of the average in the long run, in [0, 1].
        use_ema: as in Adam.
    """

    def __init__(self, learning_rate=1e-3, *, ema_momentum=0.999, use_ema=True, **kwargs):
        super().__init__(learning_rate, ema_momentum=ema_momentum, use_ema=use_ema, **kwargs)

    @property
    def ema_momentum(self):
        """Scalar in [0, 1], the part of the average that the current step keeps.

        One of `private_api.OVERRIDES`.
        """
        step = tf.cast(self.iterations, tf.float32)
        return tf.minimum(self.longest_momentum, (1.0 + step) / (10.0 + step))

    @ema_momentum.setter
    def ema_momentum(self, value):
        self.longest_momentum = value

    def get_config(self):
        return {**super().get_config(), "ema_momentum": self.longest_momentum}
