// Engines that Slurm starts: a real one, of this machine as its only node, that the test starts itself.

#include <array>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/model/random_model.h"
#include "platform/objects/disk_object_store.h"
#include "platform/process/process_test_kit.h"
#include "serving/replicas.h"

namespace capstan::serving {
namespace {

constexpr std::string_view kConfig = R"(ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
)";

// One that nobody listens on now.
int free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket, any, length), 0);
    EXPECT_EQ(::getsockname(socket, any, &length), 0);
    ::close(socket);
    return ntohs(address.sin_port);
}

class ReplicasSlurmTest : public testing::Test {
protected:
    void SetUp() override {
        host_ = process::ProcessHost::start({.owner = new_id()}).value();
        start_slurm();
        objects_ = objects::DiskObjectStore::open_folder({.folder = folder_ / "objects"}).value();
        ASSERT_TRUE(engine::write_random_model(folder_ / "full", {}));
        replicas_ = std::make_unique<Replicas>(Replicas::Inputs{
            .objects = *objects_,
            .host = *host_,
            .program = std::filesystem::read_symlink("/proc/self/exe"),
            .models_folder = folder_ / "models",
            .run_folder = folder_ / "run",
            .launcher = {"env", "SLURM_CONF=" + config().string(), "srun", "--ntasks=1", "--input=none"},
        });
    }

    void TearDown() override {
        replicas_.reset();
        EXPECT_TRUE(process::eventually([this] { return jobs() == "\n"; })) << "no job is left";
        for (auto& part : slurm_) {
            part.terminate(2'000);
        }
    }

    std::filesystem::path config() const { return folder_ / "slurm.conf"; }

    void start_slurm() {
        std::array<char, 256> name{};
        ASSERT_EQ(::gethostname(name.data(), name.size() - 1), 0);
        const std::string host = std::string(name.data()).substr(0, std::string(name.data()).find('.'));
        const std::string folder = (folder_ / ".").parent_path().string();
        ASSERT_TRUE(create_folders(folder_ / "state") && create_folders(folder_ / "spool"));
        ASSERT_TRUE(replace_file(
            config(),
            fmt::format(
                kConfig,
                fmt::arg("host", host),
                fmt::arg("controller_port", free_port()),
                fmt::arg("node_port", free_port()),
                fmt::arg("user", ::getuid() == 0 ? "root" : std::to_string(::getuid())),
                fmt::arg("folder", folder),
                fmt::arg("processors", ::sysconf(_SC_NPROCESSORS_ONLN))
            )
        ));
        std::string secret;
        std::random_device chance;
        for (int i = 0; i < 1024; ++i) {
            secret += static_cast<char>(chance());
        }
        ASSERT_TRUE(replace_file(folder_ / "munge.secret", secret));
        std::filesystem::permissions(folder_ / "munge.secret", std::filesystem::perms::owner_read);
        launch(
            {"munged",
             "--foreground",
             "--force",
             "--key-file",
             folder + "/munge.secret",
             "--socket",
             folder + "/munge.socket",
             "--pid-file",
             folder + "/munged.pid",
             "--log-file",
             folder + "/munged.log",
             "--seed-file",
             folder + "/munged.seed"}
        );
        ASSERT_TRUE(process::eventually([&] { return std::filesystem::exists(folder + "/munge.socket"); }))
            << folder_.read("slurm.log");
        launch({"slurmctld", "-D", "-i", "-f", config().string()});
        launch({"slurmd", "-D", "-f", config().string()});
    }

    // The daemons are where only the administrator's PATH looks.
    void launch(std::vector<std::string> argv) {
        argv.front() = "/usr/sbin/" + argv.front();
        process::ProcessSpec spec{.argv = std::move(argv)};
        spec.standard_output = {.path = folder_ / "slurm.log", .bytes_max = 1 << 20};
        spec.standard_error = spec.standard_output;
        slurm_.push_back(host_->launch(std::move(spec)).value());
    }

    // What squeue lists, and a line's end.
    std::string jobs() {
        process::ProcessSpec spec{.argv = {"sh", "-c", "squeue --noheader; echo"}};
        spec.environment = {{"SLURM_CONF", config().string()}};
        spec.standard_output = {.path = folder_ / ("jobs-" + new_id()), .bytes_max = 1 << 16};
        const auto path = spec.standard_output.path;
        const auto listed = host_->launch(std::move(spec));
        return listed && listed->wait(10'000) ? read_file(path).value_or("") : "";
    }

    registry::Version version() {
        registry::Version made;
        made.id = "version-1";
        made.model = "man";
        made.number = 1;
        for (const auto& entry : std::filesystem::directory_iterator(folder_ / "full")) {
            const auto bytes = read_file(entry.path()).value();
            made.files.push_back({entry.path().filename(), objects_->put(bytes)->id, std::ssize(bytes)});
        }
        return made;
    }

    ReplicaStatus status() const {
        const auto all = replicas_->status();
        return all.empty() ? ReplicaStatus{} : all.front();
    }

    const process::TestFolder folder_;
    http::Client client_;
    std::unique_ptr<process::ProcessHost> host_;
    std::vector<process::Process> slurm_;
    std::unique_ptr<objects::DiskObjectStore> objects_;
    std::unique_ptr<Replicas> replicas_;
};

TEST_F(ReplicasSlurmTest, StartsEnginesAsJobsAndEndsThem) {
    replicas_->keep({{"t1.v.0", "t1", version(), {}}});
    ASSERT_TRUE(process::eventually([&] { return status().is_healthy; }))
        << status().reason << "\n"
        << folder_.read("run/t1.v.0.log") << folder_.read("slurm.log");
    const std::string url = status().url;
    EXPECT_FALSE(url.contains("127.0.0.1")) << url << " is for other machines, too";
    const auto models = client_.get(url + "/v1/models");
    ASSERT_TRUE(models) << models.error().message;
    EXPECT_TRUE(models->body.contains("\"man/1\"")) << models->body;
    const int pid = status().pid;
    EXPECT_EQ(read_file(fmt::format("/proc/{}/comm", pid)).value_or(""), "srun\n") << "not the engine itself";
    replicas_->keep({});
    EXPECT_TRUE(process::eventually([&] { return !client_.get(url + "/healthz"); })) << "the job ended";
}

}  // namespace
}  // namespace capstan::serving
