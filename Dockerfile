# The program in a container, for CPUs or for NVIDIA GPUs (docs/install.md). It has not been built yet: where this was
# written, no Docker daemon ran.
#
#   docker build --tag wsss .
#   docker build --tag wsss-cuda --build-arg VARIANT=cuda .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" wsss run my.yaml
FROM python:3.11-slim

# cpu or cuda. NVIDIA's libraries come with PyTorch's own packages, the driver with the machine
ARG VARIANT=cpu
ARG EXTRAS=workflow,saliency,logs,view,export
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /source
COPY envs/constraints.txt envs/
# a layer of its own: it is large, and changes seldom. `2.12.1` also names the CPU build, 2.12.1+cpu
RUN test "$VARIANT" = cpu || test "$VARIANT" = cuda || { echo "VARIANT is cpu or cuda, not $VARIANT" >&2; exit 1; }; \
    if [ "$VARIANT" = cpu ]; then index="--index-url https://download.pytorch.org/whl/cpu"; fi; \
    pip install $index --constraint envs/constraints.txt torch torchvision
COPY pyproject.toml README.md LICENSE ./
COPY wsss wsss
RUN pip install --constraint envs/constraints.txt ".[$EXTRAS]"

# whoever runs it by --user has a home folder, for weights that are downloaded
RUN mkdir --mode 1777 /home/wsss
ENV HOME=/home/wsss
WORKDIR /work
ENTRYPOINT ["wsss"]
CMD ["--help"]
