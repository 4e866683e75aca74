//! What the processors may do and do at present: clock, governor, battery. Read from the
//! system's files below a root folder, `/` but in tests.

use std::fs;
use std::path::Path;

/// A governor that lets processors clock low while they are busy, …
const SLOW_GOVERNOR: &str = "powersave";
/// … except under drivers that only borrow its name: their processors choose the clock.
const OWN_CHOICE: [&str; 3] = ["intel_pstate", "amd-pstate", "amd-pstate-epp"];

/// Mean clock of the processors at this moment, in MHz, where the system tells.
pub fn frequency_mhz(root: &Path) -> Option<f64> {
    let clocks = scaled_clocks(root).or_else(|| listed_clocks(root))?;
    Some(clocks.iter().sum::<f64>() / clocks.len() as f64)
}

/// The kernel's own word on each processor.
fn scaled_clocks(root: &Path) -> Option<Vec<f64>> {
    let entries = fs::read_dir(root.join("sys/devices/system/cpu")).ok()?;
    let clocks = entries.flatten().filter_map(|processor| {
        let text = fs::read_to_string(processor.path().join("cpufreq/scaling_cur_freq")).ok()?;
        Some(text.trim().parse::<f64>().ok()? / 1000.0)
    });
    Some(clocks.collect()).filter(|clocks: &Vec<f64>| !clocks.is_empty())
}

/// What virtual machines tell, too.
fn listed_clocks(root: &Path) -> Option<Vec<f64>> {
    let text = fs::read_to_string(root.join("proc/cpuinfo")).ok()?;
    let lines = text.lines().filter_map(|line| line.strip_prefix("cpu MHz")?.split_once(':'));
    let clocks: Vec<f64> = lines.filter_map(|(_, value)| value.trim().parse().ok()).collect();
    (!clocks.is_empty()).then_some(clocks)
}

/// Frequency governor of the first processor.
pub fn governor(root: &Path) -> Option<String> {
    cpufreq(root, "scaling_governor")
}

/// Whether the governor keeps busy processors from their full clock.
pub fn is_slowed(root: &Path) -> bool {
    let driver = cpufreq(root, "scaling_driver").unwrap_or_default();
    governor(root).is_some_and(|governor| governor == SLOW_GOVERNOR) && !OWN_CHOICE.contains(&&*driver)
}

fn cpufreq(root: &Path, file: &str) -> Option<String> {
    let folder = root.join("sys/devices/system/cpu/cpu0/cpufreq");
    Some(fs::read_to_string(folder.join(file)).ok()?.trim().to_owned())
}

/// Whether the machine runs on its battery: one of its own is being emptied and no other
/// supply is there. `None` where the system does not tell of supplies.
pub fn on_battery(root: &Path) -> Option<bool> {
    let supplies = fs::read_dir(root.join("sys/class/power_supply")).ok()?;
    let (mut is_emptied, mut is_supplied) = (false, false);
    for supply in supplies.flatten() {
        let supply = supply.path();
        if says(&supply, "type", "Battery") {
            // A mouse has a battery as well: its scope is a device.
            is_emptied |= says(&supply, "status", "Discharging") && !says(&supply, "scope", "Device");
        } else {
            is_supplied |= says(&supply, "online", "1");
        }
    }
    Some(is_emptied && !is_supplied)
}

fn says(supply: &Path, file: &str, value: &str) -> bool {
    fs::read_to_string(supply.join(file)).is_ok_and(|text| text.trim() == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root folder with these files.
    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
            fs::write(path, format!("{text}\n")).expect("a file");
        }
        root
    }

    #[test]
    fn a_battery_that_is_emptied_is_what_the_machine_runs_on() {
        let supplies = |files: &[(&str, &str)]| {
            let files: Vec<_> =
                files.iter().map(|(path, text)| (format!("sys/class/power_supply/{path}"), *text)).collect();
            on_battery(root(&files.iter().map(|(path, text)| (&**path, *text)).collect::<Vec<_>>()).path())
        };
        let battery = [("BAT0/type", "Battery"), ("BAT0/status", "Discharging"), ("AC/type", "Mains")];
        assert_eq!(supplies(&[]), None);
        assert_eq!(supplies(&[&battery[..], &[("AC/online", "0")]].concat()), Some(true));
        assert_eq!(supplies(&[&battery[..], &[("AC/online", "1")]].concat()), Some(false));
        assert_eq!(supplies(&[("BAT0/type", "Battery"), ("BAT0/status", "Charging")]), Some(false));
        let mouse = [("m/type", "Battery"), ("m/status", "Discharging"), ("m/scope", "Device")];
        assert_eq!(supplies(&mouse), Some(false));
    }

    #[test]
    fn the_clock_is_the_mean_over_processors() {
        let cpu = "sys/devices/system/cpu";
        let listed =
            ("proc/cpuinfo", "processor : 0\ncpu MHz\t\t: 1000.5\nprocessor : 1\ncpu MHz\t\t: 2000.5");
        assert_eq!(frequency_mhz(root(&[listed]).path()), Some(1500.5));
        let scaled = [
            (format!("{cpu}/cpu0/cpufreq/scaling_cur_freq"), "3000000"),
            (format!("{cpu}/cpu1/cpufreq/scaling_cur_freq"), "2000000"),
            (format!("{cpu}/online"), "0-1"),
        ];
        let scaled: Vec<_> = scaled.iter().map(|(path, text)| (&**path, *text)).chain([listed]).collect();
        assert_eq!(frequency_mhz(root(&scaled).path()), Some(2500.0), "the kernel's own word first");
        assert_eq!(frequency_mhz(root(&[("proc/cpuinfo", "BogoMIPS : 108.00")]).path()), None);
    }

    #[test]
    fn powersave_slows_unless_the_processor_chooses() {
        let slowed = |governor, driver| {
            let folder = "sys/devices/system/cpu/cpu0/cpufreq";
            let files = [
                (format!("{folder}/scaling_governor"), governor),
                (format!("{folder}/scaling_driver"), driver),
            ];
            is_slowed(root(&files.each_ref().map(|(path, text)| (&**path, *text))).path())
        };
        assert!(slowed("powersave", "acpi-cpufreq"));
        assert!(!slowed("powersave", "intel_pstate"));
        assert!(!slowed("performance", "acpi-cpufreq"));
        assert!(!is_slowed(root(&[]).path()));
    }
}
