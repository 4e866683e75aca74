//! What Vulkan reaches: the devices `wgpu:0`, `wgpu:1`, …, as Vulkan lists them.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use trainmark_plugin::{Device as Listed, Error};

use crate::engine::Device;
use crate::engine::vulkan::{self, Backends, DeviceKind, DeviceType, Instance, InstanceDescriptor};

/// What is asked of an adapter.
struct Adapter {
    name: String,
    device_type: DeviceType,
}

/// Every adapter, and why it cannot be used.
pub(crate) fn list() -> Vec<Listed> {
    listed(&found())
}

/// An adapter by its id, as Burn names it.
///
/// # Errors
/// Where there is no such adapter, or it refuses.
pub(crate) fn open(id: &str) -> Result<Device, Error> {
    /// Burn opens an adapter once in a process.
    static OPENED: Mutex<Vec<(String, Device)>> = Mutex::new(Vec::new());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, device)) = opened.iter().find(|(of, _)| of == id) {
        return Ok(device.clone());
    }
    let kind = named(&found(), id).map_err(|why| Error::device(format!("{id} cannot be used: {why}")))?;
    let device = vulkan::open(kind)
        .map_err(|refusal| Error::device(format!("{id} cannot be used: burn refuses it: {refusal}")))?;
    opened.push((id.to_owned(), device.clone()));
    Ok(device)
}

/// None where there is no loader, no driver or no adapter.
fn found() -> Vec<Adapter> {
    let instance = Instance::new(InstanceDescriptor {
        backends: Backends::VULKAN,
        ..InstanceDescriptor::new_without_display_handle()
    });
    // There is nothing to wait for but in a browser.
    let mut listing = pin!(instance.enumerate_adapters(Backends::VULKAN));
    match listing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(adapters) => adapters
            .iter()
            .map(|adapter| adapter.get_info())
            .map(|info| Adapter { name: info.name, device_type: info.device_type })
            .collect(),
        Poll::Pending => Vec::new(),
    }
}

fn listed(adapters: &[Adapter]) -> Vec<Listed> {
    if adapters.is_empty() {
        return vec![Listed::unavailable("wgpu:0", NO_ADAPTER)];
    }
    let one = |(index, adapter): (usize, &Adapter)| {
        let id = format!("wgpu:{index}");
        let listed = match kind(adapters, index) {
            Ok(_) => Listed::available(id),
            Err(why) => Listed::unavailable(id, why),
        };
        let listed = listed.with_adapter(&adapter.name);
        if adapter.device_type == DeviceType::Cpu { listed.in_software() } else { listed }
    };
    adapters.iter().enumerate().map(one).collect()
}

fn named(adapters: &[Adapter], id: &str) -> Result<DeviceKind, String> {
    let index = id.strip_prefix("wgpu:").and_then(|index| index.parse().ok());
    kind(adapters, index.ok_or("it is no device of this build")?)
}

/// How Burn calls an adapter: the how manieth of its kind it is.
fn kind(adapters: &[Adapter], index: usize) -> Result<DeviceKind, String> {
    if adapters.is_empty() {
        return Err(NO_ADAPTER.to_owned());
    }
    let Some(adapter) = adapters.get(index) else {
        return Err(format!("Vulkan lists {} of them, from wgpu:0 on", adapters.len()));
    };
    if adapter.name.starts_with("llvmpipe") {
        return Err(LAVAPIPE.to_owned());
    }
    let before = adapters[..index].iter().filter(|other| other.device_type == adapter.device_type).count();
    match adapter.device_type {
        DeviceType::DiscreteGpu => Ok(DeviceKind::DiscreteGpu(before)),
        DeviceType::IntegratedGpu => Ok(DeviceKind::IntegratedGpu(before)),
        DeviceType::VirtualGpu => Ok(DeviceKind::VirtualGpu(before)),
        DeviceType::Cpu if before == 0 => Ok(DeviceKind::Cpu),
        DeviceType::Cpu => Err(SECOND_RENDERER.to_owned()),
        DeviceType::Other => Err("Burn has no name for its kind of adapter".to_owned()),
    }
}

const NO_ADAPTER: &str = "Vulkan lists no adapter: install the driver of your graphics processor, such as \
                          Debian's mesa-vulkan-drivers or NVIDIA's, and the loader libvulkan.so.1, Debian's \
                          libvulkan1";

/// `LP_MAX_TGSI_LOOP_ITERATIONS` in Mesa's `lp_limits.h`.
const LAVAPIPE: &str = "llvmpipe, Mesa's software renderer, ends the loops of a shader after 65,535 turns, \
                        whatever they have left to add up, so what it computes is wrong";

const SECOND_RENDERER: &str =
    "Burn names the first software renderer only; VK_DRIVER_FILES says which driver Vulkan reads";

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, device_type: DeviceType) -> Adapter {
        Adapter { name: name.to_owned(), device_type }
    }

    fn reason(adapters: &[Adapter], id: &str) -> String {
        named(adapters, id).expect_err("refused")
    }

    #[test]
    fn without_an_adapter_the_row_says_what_to_install() {
        let [only] = &*listed(&[]) else { panic!("one row") };
        assert_eq!((&*only.id, only.unavailable.as_deref()), ("wgpu:0", Some(NO_ADAPTER)));
        assert_eq!(reason(&[], "wgpu:0"), NO_ADAPTER);
    }

    /// Each is the first, second, … of its kind, whatever stands between them.
    #[test]
    fn adapters_are_named_as_burn_counts_them() {
        let types = [
            DeviceType::IntegratedGpu,
            DeviceType::DiscreteGpu,
            DeviceType::Cpu,
            DeviceType::DiscreteGpu,
            DeviceType::VirtualGpu,
        ];
        let adapters = types.map(|device_type| adapter("Example", device_type));
        let kinds = ["wgpu:0", "wgpu:1", "wgpu:2", "wgpu:3", "wgpu:4"].map(|id| named(&adapters, id));
        let expected = [
            DeviceKind::IntegratedGpu(0),
            DeviceKind::DiscreteGpu(0),
            DeviceKind::Cpu,
            DeviceKind::DiscreteGpu(1),
            DeviceKind::VirtualGpu(0),
        ];
        assert_eq!(kinds, expected.map(Ok));
        assert_eq!(reason(&adapters, "wgpu:5"), "Vulkan lists 5 of them, from wgpu:0 on");
        assert_eq!(reason(&adapters, "wgpu:x"), "it is no device of this build");
    }

    /// It is a row that says why, and the adapter beside it can be used.
    #[test]
    fn lavapipe_is_refused() {
        let adapters =
            [adapter("llvmpipe (LLVM 15.0.6)", DeviceType::Cpu), adapter("A GPU", DeviceType::DiscreteGpu)];
        let [lavapipe, gpu] = &*listed(&adapters) else { panic!("two rows") };
        assert!(lavapipe.is_software_renderer() && !gpu.is_software_renderer());
        assert!(lavapipe.unavailable.as_deref().is_some_and(|why| why.contains("65,535")), "{lavapipe:?}");
        assert_eq!((gpu.unavailable.as_deref(), gpu.adapter.as_deref()), (None, Some("A GPU")));
    }

    #[test]
    fn another_software_renderer_is_labelled_and_one_alone_can_be_named() {
        let adapters = ["SwiftShader Device (LLVM 16)", "Another"].map(|name| adapter(name, DeviceType::Cpu));
        let rows = listed(&adapters);
        assert!(rows.iter().all(Listed::is_software_renderer), "{rows:?}");
        assert_eq!(named(&adapters, "wgpu:0"), Ok(DeviceKind::Cpu));
        assert_eq!(reason(&adapters, "wgpu:1"), SECOND_RENDERER);
    }
}
